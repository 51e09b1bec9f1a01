"""The game that training plays: four networks, and what a batch costs them at each stage.

Legend: N images; B batch; S image side; K classes.
"""

from dataclasses import dataclass
from enum import Enum, auto

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..defenses import Batch, Defense, Objective
from ..noise import Noise


@dataclass(frozen=True)
class TrainingData:
    """Images N 3 S S uint8 and their task and sensitive labels, N int64."""

    images: Tensor
    task: Tensor
    sensitive: Tensor

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.images)

    def to(self, device: torch.device) -> "TrainingData":
        """The same on another device."""
        return TrainingData(*(part.to(device) for part in (self.images, self.task, self.sensitive)))


class Stage(Enum):
    """Who learns from a batch.

    WARM_UP  client and task network, on utility alone
    PROXY    the proxy adversary alone, from what is released at this moment
    DEFENSE  everyone, by the defense's objective
    """

    WARM_UP = auto()
    PROXY = auto()
    DEFENSE = auto()


class Networks(nn.Module):
    """The players: client layers f1, task network f2, the defense, and the proxy adversary f3.

    They are one module, so that the gradients of all are synchronised between processes at once.
    """

    def __init__(
        self, client: nn.Module, task_network: nn.Module, defense: Defense, adversary: nn.Module
    ) -> None:
        super().__init__()
        self.client = client
        self.task_network = task_network
        self.defense = defense
        self.adversary = adversary
        self.learned = [one for one in defense.parameters() if one.requires_grad]
        self.progress = 1.0  # through the stage, for trade-off weights that rise

    def enter(self, stage: Stage) -> None:
        """Let everyone learn, but for whom the defense holds as the warm-up left them."""
        self.train()
        frozen = self.defense.frozen if stage is Stage.DEFENSE else "nothing"
        for network, held in (
            (self.client, frozen != "nothing"),
            (self.task_network, frozen == "pair"),
        ):
            network.train(not held).requires_grad_(not held)

    def forward(
        self, images: Tensor, task: Tensor, sensitive: Tensor, noise: Noise, stage: Stage
    ) -> Objective:
        """Say what images (B, 3, S, S) in [0, 1] with labels (B,) cost at this stage."""
        if stage is Stage.WARM_UP:
            logits = self.task_network(self.client(images))
            return Objective(functional.cross_entropy(logits, task), logits)
        defended = stage is Stage.DEFENSE
        for parameter in self.learned:
            parameter.requires_grad_(defended)
        with torch.set_grad_enabled(defended):
            activation = self.client(images)
        batch = Batch(images, task, sensitive, activation, noise, self.progress)
        task_network = self.task_network if defended else _Silent(task)
        return self.defense.objective(batch, task_network, self.adversary)


class _Silent:
    """In the task network's place where only the proxy adversary learns: spares its computation."""

    def __init__(self, task: Tensor) -> None:
        self.classes = int(task.max()) + 1

    def __call__(self, released: Tensor) -> Tensor:
        """Give logits (B, K) that say nothing."""
        return released.new_zeros(len(released), self.classes)


class Tally:
    """Running accuracy of the task network and of the proxy adversary over one epoch.

    `counts` are images seen and classified right by the task network, then by the adversary.
    """

    def __init__(self, counts: Tensor) -> None:
        self.counts = counts

    @staticmethod
    def nothing(device: torch.device) -> Tensor:
        """Counts before the first batch."""
        return torch.zeros(4, dtype=torch.int64, device=device)

    def add(self, objective: Objective, task: Tensor, sensitive: Tensor) -> None:
        """Count a batch; the numbers stay on the device, so that nobody waits for them."""
        for place, logits, labels in (
            (0, objective.task_logits, task),
            (2, objective.adversary_logits, sensitive),
        ):
            if logits is not None:
                self.counts[place] += len(labels)
                self.counts[place + 1] += (logits.argmax(dim=1) == labels).sum()

    @property
    def proxy_leakage(self) -> float | None:
        """None where no proxy adversary guessed an attribute: missing is not zero."""
        _, _, seen, right = self.counts.tolist()
        return right / seen if seen else None

    def __str__(self) -> str:
        """For the progress line."""
        seen, right, _, _ = self.counts.tolist()
        proxy = "" if self.proxy_leakage is None else f", proxy leakage {self.proxy_leakage:.3f}"
        return f"utility {right / seen:.3f}{proxy}"
