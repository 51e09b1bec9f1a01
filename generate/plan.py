"""Which records a release will hold: ids, order, queries and noise seeds, from the secret.

Records lie in the order of their `sample_id`. The ids are HMACs, so the order says nothing about
the source images; and that nothing else decided the order, anyone can check.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from ..schemas import Config, Secret
from ..schemas.records import QUERIES
from .datasets import Dataset
from .splits import Rows

QUERIED_IMAGES = 500
QUERIED_SPLITS = ("validation", "test")


@dataclass(frozen=True)
class PlannedRecord:
    """One record to be: which source row, which query of it, and its opaque names."""

    sample_id: str
    image_id: str
    query: int
    subject: str
    row: int
    noise_seed: int


def plan(
    dataset: Dataset, splits: Mapping[str, Rows], config: Config, secret: Secret, randomized: bool
) -> dict[str, list[PlannedRecord]]:
    """List the records of every split in release order.

    A randomised defense answers 16 queries of the first 500 images of validation and test; all
    other images are queried once.
    """
    release = (config.config_id, str(config.seed))

    def record(row: int, query: int) -> PlannedRecord:
        key = dataset.index.keys[row]
        sample_id = secret.identifier("sample", *release, key, str(query))
        return PlannedRecord(
            sample_id=sample_id,
            image_id=secret.identifier("image", *release, key),
            query=query,
            subject=secret.identifier("subject", *release, dataset.index.subjects[row]),
            row=row,
            noise_seed=secret.seed("noise", sample_id),
        )

    def records(split: str, rows: Rows) -> list[PlannedRecord]:
        repeated = queried(split, randomized)
        made = [
            record(row, query)
            for position, row in enumerate(rows.tolist())
            for query in range(QUERIES if position < repeated else 1)
        ]
        return sorted(made, key=lambda planned: planned.sample_id)

    return {split: records(split, rows) for split, rows in splits.items()}


def queried(split: str, randomized: bool) -> int:
    """How many images of a split are queried `QUERIES` times, if it has that many."""
    return QUERIED_IMAGES if randomized and split in QUERIED_SPLITS else 0
