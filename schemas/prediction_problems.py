"""What can be wrong with predictions, written or read: a sentence for each kind of mistake.

Each names its place. What a footer tells is looked at before anything is decoded; see
`prediction_reading`.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .base import LONGEST_SHOWN, cut, shortened
from .manifest import Manifest
from .prediction_header import COLUMN, PredictionHeader
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
        return _shape(self.header, self.manifest)

    @property
    def item(self) -> pa.DataType:
        """What one number of a prediction is."""
        return pa.float32() if self.header.track is Track.ATTRIBUTE else pa.uint8()


def form_problems(file: PredictionFacts) -> Iterator[str]:
    """What the header and the columns say of the file, before a row is read."""
    yield from origin_problems(file.header, file.manifest)
    name = COLUMN[file.header.track]
    if file.schema.names != ["sample_id", name]:
        yield f"expected the columns ['sample_id', '{name}'], but got {cut(file.schema.names)}"
        return
    ids, kind = file.schema.field("sample_id").type, file.schema.field(name).type
    if ids != pa.string():
        yield f"sample_id must be a string, but is {str(ids)[:LONGEST_SHOWN]}"
    if not (pa.types.is_fixed_size_list(kind) and kind.value_type == file.item):
        yield f"{name} must be a fixed-size list of {file.item}, but is {str(kind)[:LONGEST_SHOWN]}"
    else:
        yield from length_problems(file.header, file.manifest, kind.list_size)


def origin_problems(header: PredictionHeader, manifest: Manifest) -> Iterator[str]:
    """Predictions for another release."""
    if header.fingerprint != manifest.fingerprint:
        yield (
            f"made for the release {header.fingerprint[:12]}…, but this is "
            f"{manifest.name} {manifest.fingerprint[:12]}…; run the attack on this release"
        )


def length_problems(header: PredictionHeader, manifest: Manifest, length: int) -> Iterator[str]:
    """Predictions of another number of classes, or of pixels."""
    shape = _shape(header, manifest)
    if length == math.prod(shape):
        return
    if header.track is Track.ATTRIBUTE:
        yield (
            f"each row must hold {shape[0]} probabilities, one for each class of "
            f"{cut(manifest.sensitive.name)}, but holds {length}; give them in the manifest's order"
        )
    else:
        yield (
            f"each image must hold {' x '.join(map(str, shape))} = {math.prod(shape)} numbers, but "
            f"holds {length}; give images of the release's size"
        )


def asked_problems(header: PredictionHeader, manifest: Manifest) -> Iterator[str]:
    """Predictions that were asked about more images than there are."""
    images = manifest.splits[header.split].images
    if header.asked is not None and header.asked > images:
        yield (
            f"asked about {header.asked} images, but {header.split!r} has {images}; write how many "
            "were asked about, or leave it out for all"
        )


def _shape(header: PredictionHeader, manifest: Manifest) -> tuple[int, ...]:
    if header.track is Track.ATTRIBUTE:
        return (len(manifest.sensitive.classes),)
    return manifest.image_shape


def size_problems(file: PredictionFacts) -> Iterator[str]:
    """Refuse what is larger than any answer, by what the footer says, before it is decoded."""
    split, rows = file.header.split, file.facts.num_rows
    images = file.manifest.splits[split].images
    if rows > ROWS * images:
        yield f"{rows} rows, but {split!r} has {images} images; predict its records with query 0"
        return
    yield from asked_problems(file.header, file.manifest)
    groups = (file.facts.row_group(group) for group in range(file.facts.num_row_groups))
    held = sum(group.total_byte_size for group in groups)
    most = SPARE_BYTES + max(images, rows) * (ID_BYTES + NUMBER_BYTES * math.prod(file.shape))
    if held > most:
        yield f"{held} bytes of content, but the answers take {most} at most; write only these"


def value_problems(
    header: PredictionHeader, sample_ids: Sequence[str], values: np.ndarray[Any, Any]
) -> Iterator[str]:
    """Rows whose probabilities are none: the first of each kind, and how many there are."""
    if header.track is not Track.ATTRIBUTE:
        return
    infinite = ~np.isfinite(values).all(axis=1)
    sums = values.sum(axis=1, dtype=np.float64, where=~infinite[:, None])
    wrong = ~infinite & ((values < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE))
    for rows, problem in (
        (infinite, "a number that is not finite; give every class a probability"),
        (wrong, "probabilities that are negative or do not sum to 1; normalise them (softmax)"),
    ):
        if rows.any():
            named = [f"row {n} ({_id(sample_ids[n])})" for n in np.flatnonzero(rows).tolist()]
            yield f"{shortened(named, 1)}: {problem}"


def id_problems(split: str, sample_ids: Sequence[str], expected: Sequence[str]) -> Iterator[str]:
    """Ids that occur twice, are missing, or are strangers: the first of each, and how many."""
    given = set(sample_ids)
    if len(given) < len(sample_ids):
        seen = sorted(sample_ids)
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
