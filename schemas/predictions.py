"""The prediction file: what an attack says about the images of a split.

One row for each record with `query` 0 (repeated queries are evidence, not questions), or for the
first of them, where the header says that only so many were asked about:
`probabilities`, K numbers that sum to 1 (attribute track), or `image`, H W 3 uint8
(reconstruction track). The header in the file's metadata carries the release's fingerprint.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from .base import Record, Sha256
from .errors import BadPredictions, MissingData
from .files import replacing
from .manifest import Manifest
from .records import PublicSplit, vectors_to_arrow, vectors_to_numpy
from .scores import Setting, Track

METADATA_KEY = b"leakboard"
SUM_TOLERANCE = 1e-3
CHUNK_ROWS = 256  # read at a time: Parquet decodes each pixel to 12 bytes before it is one again
COLUMN = {Track.ATTRIBUTE: "probabilities", Track.RECONSTRUCTION: "image"}


class PredictionHeader(Record):
    """Which release and split the predictions answer, and which attack made them.

    `asked` is how many images the attack was asked about, the first of the split in record order;
    None means all. A `ceiling` read the inputs themselves: a yardstick for attacks, never ranked
    as one.
    """

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    split: PublicSplit
    asked: int | None = Field(default=None, ge=1)
    track: Track
    attack: str = Field(min_length=1)
    options: dict[str, Any] = {}
    setting: Setting
    ceiling: bool = False
    repeated_queries: bool = False  # it saw every query of an image that was asked repeatedly
    auxiliary_records: int = Field(ge=0)
    leakboard_version: str


@dataclass(frozen=True)
class Predictions:
    """Predictions in the order of `sample_ids`: (N, K) float32 or (N, H, W, 3) uint8."""

    header: PredictionHeader
    sample_ids: Sequence[str]
    values: np.ndarray[Any, Any]

    def write(self, path: Path) -> None:
        """Write a Parquet file, atomically."""
        item = pa.float32() if self.header.track is Track.ATTRIBUTE else pa.uint8()
        length = int(np.prod(self.values.shape[1:]))
        kind = pa.list_(pa.field("item", item, nullable=False), length)
        column = pa.field(COLUMN[self.header.track], kind, nullable=False)
        schema = pa.schema(
            [pa.field("sample_id", pa.string(), nullable=False), column],
            metadata={METADATA_KEY: self.header.model_dump_json().encode()},
        )
        columns = [pa.array(self.sample_ids, pa.string()), vectors_to_arrow(self.values, column)]
        with replacing(path) as temporary:
            pq.write_table(pa.table(columns, schema=schema), temporary, compression="zstd")


def read_predictions(path: Path, manifest: Manifest) -> Predictions:
    """Read a prediction file for a release; `BadPredictions` says what is wrong with it."""
    schema = _readable(path, pq.read_schema)
    header = _header(path, schema)
    if header.fingerprint != manifest.fingerprint:
        raise BadPredictions(
            f"{path}: made for the release {header.fingerprint[:12]}…, but this is "
            f"{manifest.name} {manifest.fingerprint[:12]}…; run the attack on this release"
        )
    shape = _shape(header.track, manifest)
    _check_columns(path, schema, header.track, shape)
    table = _readable(path, _read_whole)
    _check_nulls(path, table)
    sample_ids = table.column("sample_id").to_pylist()
    values = vectors_to_numpy(table.column(COLUMN[header.track]), shape)
    if header.track is Track.ATTRIBUTE:
        _check_probabilities(path, sample_ids, values)
    return Predictions(header, sample_ids, values)


def aligned(predictions: Predictions, expected: Sequence[str], path: Path) -> np.ndarray[Any, Any]:
    """Put the predictions in the order of `expected` ids; refuses gaps, duplicates, strangers."""
    position = {sample_id: row for row, sample_id in enumerate(predictions.sample_ids)}
    if len(position) < len(predictions.sample_ids):
        seen = sorted(predictions.sample_ids)
        twice = next(a for a, b in pairwise(seen) if a == b)
        raise BadPredictions(f"{path}: the id {twice} occurs more than once; keep one row per id")
    missing = [sample_id for sample_id in expected if sample_id not in position]
    if missing:
        raise BadPredictions(
            f"{path}: {len(missing)} of {len(expected)} ids have no prediction, the first is "
            f"{missing[0]}; predict every record of {predictions.header.split!r} with query 0"
        )
    strangers = sorted(position.keys() - set(expected))
    if strangers:
        raise BadPredictions(
            f"{path}: {len(strangers)} ids are not asked for, the first is {strangers[0]}; "
            f"predict only the records of {predictions.header.split!r} with query 0"
        )
    return predictions.values[[position[sample_id] for sample_id in expected]]


def _readable(path: Path, read: Callable[[Path], Any]) -> Any:
    if not path.is_file():
        raise MissingData(f"{path}: there is no such prediction file")
    try:
        return read(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        raise BadPredictions(f"{path}: not a readable Parquet file ({reason})") from problem


def _read_whole(path: Path) -> pa.Table:
    with pq.ParquetFile(path) as file:
        table = pa.Table.from_batches(file.iter_batches(CHUNK_ROWS), file.schema_arrow)
    table.validate(full=True)  # a reader takes bytes that are not text for text
    return table


def _header(path: Path, schema: pa.Schema) -> PredictionHeader:
    content = (schema.metadata or {}).get(METADATA_KEY)
    if content is None:
        raise BadPredictions(
            f"{path}: the metadata has no 'leakboard' header; write the file with "
            "leakboard.schemas.Predictions.write"
        )
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        raise BadPredictions(f"{path}: the 'leakboard' header is not JSON") from None
    return PredictionHeader.parse(fields, f"{path}: header", BadPredictions)


def _shape(track: Track, manifest: Manifest) -> tuple[int, ...]:
    if track is Track.ATTRIBUTE:
        return (len(manifest.sensitive.classes),)
    return manifest.image_shape


def _check_columns(path: Path, schema: pa.Schema, track: Track, shape: tuple[int, ...]) -> None:
    name = COLUMN[track]
    if schema.names != ["sample_id", name]:
        raise BadPredictions(
            f"{path}: expected the columns ['sample_id', '{name}'], but got {schema.names}"
        )
    ids, kind = schema.field("sample_id").type, schema.field(name).type
    item = pa.float32() if track is Track.ATTRIBUTE else pa.uint8()
    length = int(np.prod(shape))
    if ids != pa.string():
        raise BadPredictions(f"{path}: sample_id must be a string, but is {ids}")
    if not (pa.types.is_fixed_size_list(kind) and kind.value_type == item):
        raise BadPredictions(f"{path}: {name} must be a fixed-size list of {item}, but is {kind}")
    if kind.list_size != length:
        raise BadPredictions(
            f"{path}: each {name} must hold {' x '.join(map(str, shape))} = {length} numbers, "
            f"but holds {kind.list_size}"
        )


def _check_nulls(path: Path, table: pa.Table) -> None:
    for name, column in zip(table.column_names, table.columns, strict=True):
        parts = [chunk.flatten() for chunk in column.chunks] if name != "sample_id" else []
        if column.null_count or any(part.null_count for part in parts):
            raise BadPredictions(f"{path}: {name} holds nulls; give every image an answer")


def _check_probabilities(
    path: Path, sample_ids: Sequence[str], values: np.ndarray[Any, Any]
) -> None:
    wrong = ~np.isfinite(values).all(axis=1)
    problem = "a number that is not finite"
    if not wrong.any():
        sums = values.sum(axis=1, dtype=np.float64)
        wrong = (values < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE)
        problem = "probabilities that are negative or do not sum to 1"
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise BadPredictions(f"{path}: row {row} ({sample_ids[row]}) holds {problem}")
