"""Training: images per second of our loop beside bare steps of the same networks.

The bare side computes forward, backward and the optimisers' step on one batch that lies ready,
again and again; ours also shuffles, augments, counts, tells its progress and looks whether a
checkpoint is due. A third side steps torchvision's own ResNet-18, without our `convolutions`. The
sides take turns, and the fastest round of each counts.
"""

import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import resnet18

from ..generate import defenses
from ..generate.networks.networks import AttributeAdversary, activation_shape, seeded, split_network
from ..generate.noise import BatchNoise
from ..generate.training.checkpoints import Checkpoints, Optimizers, Place
from ..generate.training.game import Networks, Stage, TrainingData
from ..generate.training.phases import Phase, optimizers_of
from ..generate.training.training import train
from ..schemas.config import ClientTable, TrainingTable
from . import Case

SIZE, TASKS, SENSITIVE = 32, 2, 10
IMAGES, BATCH = 2048, 256
ROUNDS = 4
EPOCHS = 6  # for the memory
STAGES = {"bare-step": Stage.WARM_UP, "bare-step-disco": Stage.DEFENSE}


def run() -> dict[str, Case]:
    """Train a ResNet-18 that is split after layer1, undefended and with DISCO; 32 x 32 pixels."""
    ready = f"forward, backward and step on one ready batch of {BATCH}, float32, "
    cases = {
        name: _race(
            partial(_ours, _networks(), _settings(stage, epochs=1)),
            partial(_bare, _networks(), stage),
            ready,
        )
        for name, stage in STAGES.items()
    }
    warm_up = partial(_ours, _networks(), _settings(Stage.WARM_UP, epochs=1))
    whole = resnet18(num_classes=TASKS).to(memory_format=torch.channels_last)
    cases["torchvision"] = _race(warm_up, partial(_torchvision, whole), f"torchvision's: {ready}")
    return cases | {"memory": _memory()}


def _race(ours: Callable[[], None], other: Callable[[], None], about: str) -> Case:
    rates = {ours: 0.0, other: 0.0}
    for _ in range(ROUNDS):
        for side in rates:
            start = time.perf_counter()
            side()
            rates[side] = max(rates[side], IMAGES / (time.perf_counter() - start))
    about += f"{torch.get_num_threads()} threads; fastest of {ROUNDS} rounds of {IMAGES} images"
    return Case.of(rates[ours], rates[other], "images/s", about)


def _networks() -> Networks:
    with seeded(0):
        network = split_network(ClientTable(), TASKS)
        shape = activation_shape(network, SIZE, TASKS)
        adversary = AttributeAdversary(shape[0], SENSITIVE).to(memory_format=torch.channels_last)
        disco = defenses.create("disco", {"ratio": 0.6}, shape)
        return Networks(network.client, network.task_network, disco, adversary)


def _settings(stage: Stage, epochs: int) -> TrainingTable:
    counts = (epochs, 0) if stage is Stage.WARM_UP else (0, epochs)
    return TrainingTable(warmup_epochs=counts[0], epochs=counts[1], batch_size=BATCH)


def _data(count: int) -> TrainingData:
    generator = torch.Generator().manual_seed(0)

    def labels(classes: int) -> Tensor:
        return torch.randint(classes, (count,), generator=generator)

    size = (count, 3, SIZE, SIZE)
    pixels = torch.randint(256, size, generator=generator, dtype=torch.uint8)
    return TrainingData(pixels, labels(TASKS), labels(SENSITIVE))


def _ready() -> tuple[Tensor, TrainingData]:
    """One batch: the images as networks take them, and the labels."""
    data = _data(BATCH)
    return (data.images.float() / 255).to(memory_format=torch.channels_last), data


def _ours(networks: Networks, settings: TrainingTable) -> None:
    with TemporaryDirectory() as folder:
        train(_data(IMAGES), networks, settings, 0, Checkpoints(Path(folder)))


def _bare(networks: Networks, stage: Stage) -> None:
    networks.train()
    (images, data), generator = _ready(), torch.Generator().manual_seed(0)
    optimizers = optimizers_of(networks, Phase("bare", stage, epochs=1, peak=0.02))
    for _ in range(IMAGES // BATCH):
        noise = BatchNoise(BATCH, generator)
        loss = networks(images, data.task, data.sensitive, noise, stage).loss
        networks.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers.values():
            optimizer.step()


def _torchvision(network: nn.Module) -> None:
    images, data = _ready()
    optimizer = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    for _ in range(IMAGES // BATCH):
        optimizer.zero_grad()
        functional.cross_entropy(network(images), data.task).backward()
        optimizer.step()


@dataclass
class _Watch(Checkpoints):
    """Notes the process's largest memory so far at the end of each epoch, in MiB."""

    seconds: float = inf
    peaks: dict[int, float] = field(default_factory=dict)

    def keep(self, networks: Networks, optimizers: Optimizers, place: Place, tally: Tensor) -> None:
        """Look, and write nothing."""
        self.peaks[place.epoch] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _memory() -> Case:
    watch = _Watch(Path())
    settings = _settings(Stage.DEFENSE, EPOCHS)
    train(_data(IMAGES // 2), _networks(), settings, 0, watch)
    first, *_, last = watch.peaks.values()
    about = f"the largest memory after the first epoch; ours is that after {EPOCHS} epochs"
    return Case.of(last, first, "MiB", about, less_is_better=True)
