"""How fast this machine trains and writes a configuration, measured on a few drawn faces."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from ..schemas import Config, RecordSchema
from . import datasets
from .client import Client
from .datasets import Dataset, Index
from .datasets.synthetic import Synthetic
from .engine import Engine, to_unit_range
from .noise import BatchNoise
from .plan import PlannedRecord
from .training.checkpoints import Optimizers
from .training.game import Networks, Stage
from .training.phases import ADVERSARY, optimizers_of, phases
from .training.players import untrained
from .writer import Slice, Writer

SAMPLED = 256  # drawn faces; records in each of the two shards that are timed


@dataclass(frozen=True)
class TrainingRates:
    """Seconds per image of one epoch of each phase."""

    warm_up: float
    defense: float


@dataclass(frozen=True)
class WritingRates:
    """Seconds and bytes per record written; `shape` is that of the activation, C H W."""

    shape: tuple[int, int, int]
    randomized: bool
    seconds: float
    bytes: float


class StandIn(Dataset):
    """Drawn faces in place of a dataset's images, with random labels of its attributes."""

    revision = "stand-in"

    def __init__(self, kind: type[Dataset], size: int) -> None:
        random = np.random.default_rng(0)
        faces = Synthetic(source=None, size=size, images=SAMPLED, identities=SAMPLED)
        labels = {
            name: random.integers(len(classes), size=SAMPLED)
            for name, classes in kind.attributes.items()
        }
        self.attributes = kind.attributes  # type: ignore[misc]
        self.index = Index(faces.index.keys, faces.index.subjects, labels)
        self.size = size
        self.contents = faces.encoded(range(SAMPLED))

    def encoded(self, rows: Sequence[int]) -> list[bytes]:
        """Give the faces, again and again."""
        return [self.contents[row % SAMPLED] for row in rows]


@cache
def _faces(dataset: str, size: int) -> StandIn:
    return StandIn(datasets.REGISTRY.find(dataset), size)


def training_rates(config: Config) -> TrainingRates:
    """Train a batch of each phase twice: the second time counts."""
    return TrainingRates(
        *(
            _step_seconds(config, phase.stage) if phase.epochs else 0.0
            for phase in phases(config.training)
        )
    )


def writing_rates(config: Config) -> WritingRates:
    """Write two shards twice: the second time counts."""
    table = config.dataset
    faces = _faces(table.name, table.size)
    networks = untrained(config, faces).networks.eval().requires_grad_(False)
    client = Client(networks.client, networks.defense, config.client.precision)
    schema = RecordSchema(
        client.defense.shape, faces.classes(table.task), faces.classes(table.sensitive)
    )
    engine = Engine(faces, table.task, table.sensitive, client, networks.task_network, schema)
    seconds, size = _writing(engine)
    return WritingRates(schema.activation_shape, client.defense.randomized, seconds, size)


def _step_seconds(config: Config, stage: Stage) -> float:
    """Seconds per image of one step of everyone who learns at this stage."""
    faces = _faces(config.dataset.name, config.dataset.size)
    settings, networks = config.training, untrained(config, faces).networks
    networks.enter(stage)
    (phase,) = (phase for phase in phases(settings) if phase.stage is stage)
    optimizers = optimizers_of(networks, phase)
    rows = np.arange(settings.batch_size) % SAMPLED
    batch = _Batch(
        to_unit_range(faces.images(rows.tolist())),
        torch.from_numpy(faces.index.labels[config.dataset.task][rows]),
        torch.from_numpy(faces.index.labels[config.dataset.sensitive][rows]),
        settings.precision == "bfloat16",
    )
    proxy = settings.adversary_steps if ADVERSARY in optimizers else 0
    step = partial(_learn, networks, batch, optimizers)
    for _ in range(2):
        start = time.perf_counter()
        for _ in range(proxy):
            step(Stage.PROXY, [ADVERSARY])
        step(stage, list(optimizers))
        taken = time.perf_counter() - start
    return taken / settings.batch_size


@dataclass(frozen=True)
class _Batch:
    images: Tensor
    task: Tensor
    sensitive: Tensor
    halved: bool


def _learn(
    networks: Networks, batch: _Batch, optimizers: Optimizers, stage: Stage, who: Sequence[str]
) -> None:
    noise = BatchNoise(len(batch.images), torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16, enabled=batch.halved):
        objective = networks(batch.images, batch.task, batch.sensitive, noise, stage)
    networks.zero_grad(set_to_none=True)
    objective.loss.backward()
    for name in who:
        optimizers[name].step()


def _writing(engine: Engine) -> tuple[float, float]:
    """Seconds and bytes on disk per record, as Parquet."""
    records = [
        PlannedRecord(f"{n:032x}", f"{n:032x}", 0, f"{n:032x}", n, n) for n in range(SAMPLED)
    ]
    for _ in range(2):
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            writer = Writer(engine, {"parquet": Path(folder)}, Path(folder), shard_bytes=0)
            written = writer.write([Slice("auxiliary", number, 2, records) for number in range(2)])
            taken = time.perf_counter() - start
    size = sum(one.shards["parquet"].bytes for one in written)
    return taken / (2 * SAMPLED), size / (2 * SAMPLED)
