"""What a release will take, before anything is made: records, shards, bytes and seconds.

Counts follow from the dataset and the configuration. Bytes and seconds are measured here and now,
on untrained networks of that configuration and a few drawn faces, and scaled up.
"""

from collections.abc import Mapping, Sequence

from ..schemas import Config, Record
from ..schemas.records import QUERIES
from . import datasets
from .plan import queried
from .rates import Rates, measured
from .release import SHARD_BYTES
from .splits import sizes
from .writer import rows_per_shard


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
    """Say what each release will take; a warm-up that several share is counted once.

    Raises `MissingData` where neither `source` nor the dataset says how many images there are.
    """
    rates: dict[str, Rates] = {}
    warm: set[tuple[object, ...]] = set()
    made = []
    for config in configs:
        if config.config_id not in rates:
            rates[config.config_id] = measured(config)
        shared = _warm_up_of(config)
        made.append(
            _of(config, rates[config.config_id], _splits(config, source, limit), shared in warm)
        )
        warm.add(shared)
    return made


def _warm_up_of(config: Config) -> tuple[object, ...]:
    """What two releases have in common that share their warm-up."""
    table, training = config.dataset, config.training
    facts = training.warmup_epochs, training.batch_size, training.learning_rate, training.precision
    client = config.client.model_dump_json()
    images = config.config_id if config.sealed else str(table.options)
    return table.name, table.task, table.size, images, client, config.seed, *facts


def _of(config: Config, rates: Rates, splits: Mapping[str, int], shared: bool) -> Forecast:
    rows = rows_per_shard(rates.shape, SHARD_BYTES)
    records = {
        name: count + (QUERIES - 1) * min(count, queried(name, rates.randomized))
        for name, count in splits.items()
    }
    training = config.training
    epochs = 0 if shared else training.warmup_epochs
    each = epochs * rates.warm_up + training.epochs * rates.defense
    total = sum(records.values())
    return Forecast(
        release=config.release_name,
        records=total,
        shards=sum(-(-count // rows) for count in records.values()),
        bytes=round(total * rates.bytes),
        training_seconds=each * splits["defender"],
        writing_seconds=total * rates.writing,
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
