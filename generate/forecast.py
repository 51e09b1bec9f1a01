"""What a release will take, before anything is made: records, shards, bytes and seconds.

Counts follow from the dataset and the configuration. Bytes and seconds are measured here and now,
on untrained networks of that configuration and a few drawn faces, and scaled up.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from tqdm import tqdm

from ..schemas import Config, Record
from ..schemas.records import QUERIES
from . import datasets
from .plan import queried
from .rates import TrainingRates, WritingRates, training_rates, writing_rates
from .splits import sizes
from .training.trainings import training_of, warm_up_of
from .writer import SHARD_BYTES, rows_per_shard


class Forecast(Record):
    """What one release will take; `seconds` are those of this machine with nothing beside it."""

    release: str
    records: int
    shards: int
    bytes: int
    training_seconds: float
    writing_seconds: float

    @property
    def seconds(self) -> float:
        """From the first batch of the training to the manifest."""
        return self.training_seconds + self.writing_seconds


def forecast(
    configs: Sequence[Config], source: str | None = None, limit: int | None = None
) -> list[Forecast]:
    """Say what each release will take; what several share of a training is counted once.

    Shows a bar on terminals. Raises `MissingData` where neither `source` nor the dataset says how
    many images there are.
    """
    training: dict[str, TrainingRates] = {}
    writing: dict[str, WritingRates] = {}
    trained: set[str] = set()
    made = []
    for config in tqdm(configs, desc="measuring", unit="releases", disable=None, leave=False):
        kind = training_of(config.model_copy(update={"seed": 0}))
        if kind not in training:
            training[kind] = training_rates(config)
        if config.config_id not in writing:
            writing[config.config_id] = writing_rates(config)
        splits = _splits(config, source, limit)
        seconds = _seconds_per_image(config, training[kind], trained) * splits["defender"]
        made.append(_of(config, writing[config.config_id], splits, seconds))
        trained |= {warm_up_of(config), training_of(config)}
    return made


def _seconds_per_image(config: Config, rates: TrainingRates, trained: AbstractSet[str]) -> float:
    """What training adds to those that are `trained`: nothing, the defense, or all of it."""
    settings = config.training
    if training_of(config) in trained:
        return 0.0
    warm_up = 0 if warm_up_of(config) in trained else settings.warmup_epochs
    return warm_up * rates.warm_up + settings.epochs * rates.defense


def _of(config: Config, rates: WritingRates, splits: Mapping[str, int], seconds: float) -> Forecast:
    rows = rows_per_shard(rates.shape, SHARD_BYTES)
    records = {
        name: count + (QUERIES - 1) * min(count, queried(name, rates.randomized))
        for name, count in splits.items()
    }
    total = sum(records.values())
    return Forecast(
        release=config.release_name,
        records=total,
        shards=sum(-(-count // rows) for count in records.values()),
        bytes=round(total * rates.bytes),
        training_seconds=seconds,
        writing_seconds=total * rates.seconds,
    )


def _splits(config: Config, source: str | None, limit: int | None) -> dict[str, int]:
    table = config.dataset
    images, official = datasets.REGISTRY.find(table.name).published
    if source is not None or not images:
        index = datasets.create(
            table.name, datasets.within(source, table.name), table.size, table.options
        ).index
        images = len(index)
        official = 0 if index.official_test is None else int(index.official_test.sum())
    return sizes(images, official, limit)
