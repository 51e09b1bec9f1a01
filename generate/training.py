"""The one training loop: warm-up on utility alone, then the defense's objective.

Legend: N images; S image side; B batch.
"""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..schemas.config import TrainingTable
from .augmentation import augment
from .defenses import Batch, Defense, Objective
from .noise import BatchNoise

log = logging.getLogger(__name__)
ADVERSARY_LEARNING_RATE = 1e-3
WARM_UP_SHARE = 0.2  # of the steps of a phase, in which the learning rate rises linearly


@dataclass(frozen=True)
class TrainingData:
    """Images N 3 S S uint8 and their task and sensitive labels, N int64."""

    images: Tensor
    task: Tensor
    sensitive: Tensor

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)


@dataclass(frozen=True)
class Networks:
    """The players: client layers f1, task network f2, the defense, and the proxy adversary f3."""

    client: nn.Module
    task_network: nn.Module
    defense: Defense
    adversary: nn.Module

    def train(self, mode: bool) -> None:
        """Switch every player between training and evaluation."""
        for network in (self.client, self.task_network, self.defense, self.adversary):
            network.train(mode)


@dataclass
class _Tally:
    """Running accuracy of the task network and of the proxy adversary over one epoch."""

    seen: int = 0
    task_correct: float = 0.0
    adversary_correct: float | None = None

    def add(self, objective: Objective, batch: Batch) -> None:
        self.seen += len(batch.task)
        self.task_correct += _correct(objective.task_logits, batch.task)
        if objective.adversary_logits is not None:
            right = _correct(objective.adversary_logits, batch.sensitive)
            self.adversary_correct = (self.adversary_correct or 0.0) + right

    @property
    def proxy_leakage(self) -> float | None:
        """None where no proxy adversary guessed an attribute: missing is not zero."""
        return None if self.adversary_correct is None else self.adversary_correct / self.seen

    def __str__(self) -> str:
        proxy = "" if self.proxy_leakage is None else f", proxy leakage {self.proxy_leakage:.3f}"
        return f"utility {self.task_correct / self.seen:.3f}{proxy}"


def _correct(logits: Tensor, labels: Tensor) -> float:
    return (logits.argmax(dim=1) == labels).sum().item()


def train(
    data: TrainingData, networks: Networks, settings: TrainingTable, seed: int
) -> float | None:
    """Train all players in place; returns the proxy adversary's accuracy over the last epoch,
    None without a proxy that guesses an attribute.

    Client and task network follow SGD with momentum, the defense and the proxy adversary Adam.
    Everything random follows from `seed`.
    """
    generator = torch.Generator().manual_seed(seed)
    proxy_leakage = None
    networks.train(True)
    for defended in (False, True):
        epochs = settings.epochs if defended else settings.warmup_epochs
        peak = settings.defense_learning_rate if defended else settings.learning_rate
        optimizers = _optimizers(networks, peak, defended)
        steps = epochs * _batches(data, settings)
        schedules = [_one_cycle(optimizer, steps) for optimizer in optimizers]
        for epoch in range(epochs):
            tally = _Tally()
            label = f"{'defense' if defended else 'warm-up'} {epoch + 1}/{epochs}"
            for batch in _shuffled(data, networks, settings, generator, label):
                objective = _objective(batch, networks, settings, defended)
                for optimizer in optimizers:
                    optimizer.zero_grad(set_to_none=True)
                objective.loss.backward()
                for optimizer, schedule in zip(optimizers, schedules, strict=True):
                    optimizer.step()
                    schedule.step()
                tally.add(objective, batch)
            proxy_leakage = tally.proxy_leakage
            log.info("%s: %s", label, tally)
    networks.train(False)
    return proxy_leakage


def _objective(
    batch: Batch, networks: Networks, settings: TrainingTable, defended: bool
) -> Objective:
    with torch.autocast(
        batch.images.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"
    ):
        if defended:
            return networks.defense.objective(batch, networks.task_network, networks.adversary)
        logits = networks.task_network(batch.activation)
        return Objective(functional.cross_entropy(logits, batch.task), logits)


def _shuffled(
    data: TrainingData,
    networks: Networks,
    settings: TrainingTable,
    generator: torch.Generator,
    label: str,
) -> Iterator[Batch]:
    """Yield shuffled, augmented batches with the client's activation; shows a bar on terminals."""
    order = torch.randperm(len(data), generator=generator)
    with tqdm(total=len(data), desc=label, unit="rows", disable=None, leave=False) as bar:
        for rows in order.tensor_split(_batches(data, settings)):
            images = augment(data.images[rows], generator)
            with torch.autocast(
                images.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"
            ):
                activation = networks.client(images)
            yield Batch(
                images,
                data.task[rows],
                data.sensitive[rows],
                activation,
                BatchNoise(len(rows), generator),
            )
            bar.update(len(rows))


def _batches(data: TrainingData, settings: TrainingTable) -> int:
    """Batches per epoch, all but equal in size: no last batch of one image."""
    return math.ceil(len(data) / settings.batch_size)


def _optimizers(networks: Networks, peak: float, defended: bool) -> list[torch.optim.Optimizer]:
    main = [*networks.client.parameters(), *networks.task_network.parameters()]
    sgd = torch.optim.SGD(main, lr=peak, momentum=0.9, weight_decay=5e-4, nesterov=True)
    players = [*networks.defense.parameters(), *networks.adversary.parameters()]
    if not defended or not players:
        return [sgd]
    return [sgd, torch.optim.Adam(players, lr=ADVERSARY_LEARNING_RATE)]


def _one_cycle(
    optimizer: torch.optim.Optimizer, steps: int
) -> torch.optim.lr_scheduler.LRScheduler:
    """Rise linearly over the first fifth, then fall along a cosine to almost zero."""
    rise = max(WARM_UP_SHARE * steps, 1)

    def factor(step: int) -> float:
        fall = (step - rise) / max(steps - rise, 1)
        return min((step + 1) / rise, 0.5 * (1 + math.cos(math.pi * min(max(fall, 0), 1))))

    return torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
