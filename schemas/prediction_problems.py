"""What can be wrong with a prediction file: a sentence for each kind of mistake, with its place.

What a footer tells is looked at before anything is decoded; see `prediction_reading`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .base import LONGEST_SHOWN, cut, shortened
from .manifest import Manifest
from .predictions import COLUMN, PredictionHeader, Predictions
from .scores import Track

SUM_TOLERANCE = 1e-3
ROWS = 2  # for each image: more cannot be a slip, and are not decoded
SPARE_BYTES, ID_BYTES, NUMBER_BYTES = 2**20, 256, 8  # twice what a file takes as it is written


@dataclass(frozen=True)
class PredictionFacts:
    """What the footer of a prediction file says; its columns may still be anything."""

    path: Path
    header: PredictionHeader
    facts: pq.FileMetaData
    schema: pa.Schema
    manifest: Manifest

    @property
    def shape(self) -> tuple[int, ...]:
        """What one prediction holds: K classes, or H, W and 3 channels."""
        if self.header.track is Track.ATTRIBUTE:
            return (len(self.manifest.sensitive.classes),)
        return self.manifest.image_shape

    @property
    def item(self) -> pa.DataType:
        """What one number of a prediction is."""
        return pa.float32() if self.header.track is Track.ATTRIBUTE else pa.uint8()


def form_problems(file: PredictionFacts) -> Iterator[str]:
    """What the header and the columns say of the file, before a row is read."""
    header, manifest = file.header, file.manifest
    if header.fingerprint != manifest.fingerprint:
        yield (
            f"made for the release {header.fingerprint[:12]}…, but this is "
            f"{manifest.name} {manifest.fingerprint[:12]}…; run the attack on this release"
        )
    name = COLUMN[header.track]
    if file.schema.names != ["sample_id", name]:
        yield f"expected the columns ['sample_id', '{name}'], but got {cut(file.schema.names)}"
        return
    ids, kind = file.schema.field("sample_id").type, file.schema.field(name).type
    length = math.prod(file.shape)
    if ids != pa.string():
        yield f"sample_id must be a string, but is {str(ids)[:LONGEST_SHOWN]}"
    if not (pa.types.is_fixed_size_list(kind) and kind.value_type == file.item):
        yield f"{name} must be a fixed-size list of {file.item}, but is {str(kind)[:LONGEST_SHOWN]}"
    elif kind.list_size != length:
        yield (
            f"each {name} must hold {' x '.join(map(str, file.shape))} = {length} numbers, "
            f"but holds {kind.list_size}"
        )


def size_problems(file: PredictionFacts) -> Iterator[str]:
    """Refuse what is larger than any answer, by what the footer says, before it is decoded."""
    split, rows = file.header.split, file.facts.num_rows
    images = file.manifest.splits[split].images
    if rows > ROWS * images:
        yield f"{rows} rows, but {split!r} has {images} images; predict its records with query 0"
        return
    if file.header.asked is not None and file.header.asked > images:
        yield (
            f"asked about {file.header.asked} images, but {split!r} has {images}; write how many "
            "were asked about, or leave it out for all"
        )
    groups = (file.facts.row_group(group) for group in range(file.facts.num_row_groups))
    held = sum(group.total_byte_size for group in groups)
    most = SPARE_BYTES + max(images, rows) * (ID_BYTES + NUMBER_BYTES * math.prod(file.shape))
    if held > most:
        yield f"{held} bytes of content, but the answers take {most} at most; write only these"


def value_problems(predictions: Predictions) -> Iterator[str]:
    """Rows whose probabilities are none: the first of each kind, and how many there are."""
    if predictions.header.track is not Track.ATTRIBUTE:
        return
    values = predictions.values
    infinite = ~np.isfinite(values).all(axis=1)
    sums = values.sum(axis=1, dtype=np.float64, where=~infinite[:, None])
    wrong = ~infinite & ((values < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE))
    for rows, problem in (
        (infinite, "a number that is not finite; give every class a probability"),
        (wrong, "probabilities that are negative or do not sum to 1; normalise them (softmax)"),
    ):
        if rows.any():
            named = [f"row {n} ({_id(predictions.sample_ids[n])})" for n in np.flatnonzero(rows)]
            yield f"{shortened(named, 1)}: {problem}"


def id_problems(predictions: Predictions, expected: Sequence[str]) -> Iterator[str]:
    """Ids that occur twice, are missing, or are strangers: the first of each, and how many."""
    split = predictions.header.split
    given = set(predictions.sample_ids)
    if len(given) < len(predictions.sample_ids):
        seen = sorted(predictions.sample_ids)
        twice = next(a for a, b in pairwise(seen) if a == b)
        yield f"the id {_id(twice)} occurs more than once; keep one row per id"
    missing = [sample_id for sample_id in expected if sample_id not in given]
    if missing:
        yield (
            f"{len(missing)} of {len(expected)} ids have no prediction, the first is "
            f"{missing[0]}; predict every record of {split!r} with query 0"
        )
    strangers = sorted(given.difference(expected))
    if strangers:
        yield (
            f"{len(strangers)} ids are not asked for, the first is {_id(strangers[0])}; "
            f"predict only the records of {split!r} with query 0"
        )


def _id(sample_id: str) -> str:
    """An id as it is, and a stranger's text so that nothing in it is hidden."""
    return sample_id if sample_id.isascii() and sample_id.isalnum() else cut(sample_id)
