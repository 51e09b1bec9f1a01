"""The prediction file: what an attack says about the images of a split.

One row for each record with `query` 0 (repeated queries are evidence, not questions), or for the
first of them, where the header says that only so many were asked about:
`probabilities`, K numbers that sum to 1 (attribute track), or `image`, H W 3 uint8
(reconstruction track). The header in the file's metadata carries the release's fingerprint.
"""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import AfterValidator, Field, ValidationError

from .base import LONGEST_SHOWN, Record, Sha256, cut, describe, problems_of
from .errors import BadPredictions, MissingData
from .files import replacing
from .manifest import Manifest
from .records import PublicSplit, vectors_to_arrow, vectors_to_numpy
from .release import Release
from .scores import Setting, Track

METADATA_KEY = b"leakboard"
SUM_TOLERANCE = 1e-3
MAXIMUM_HEADER_BYTES = 64 * 2**10
LONGEST_ID = 256  # bytes; ours have 32
ROWS = 2  # for each image: more cannot be a slip, and are not decoded
SPARE_BYTES, ID_BYTES, NUMBER_BYTES = 2**20, 256, 8  # twice what a file takes as it is written
CHUNK_ROWS = 256  # read at a time: Parquet decodes each pixel to 12 bytes before it is one again
COLUMN = {Track.ATTRIBUTE: "probabilities", Track.RECONSTRUCTION: "image"}


def _finite(options: dict[str, Any]) -> dict[str, Any]:
    json.dumps(options, allow_nan=False)  # ValueError: a number that JSON cannot hold
    return options


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
    attack: str = Field(min_length=1, max_length=200)
    options: Annotated[dict[str, Any], AfterValidator(_finite)] = {}
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
    """Read a prediction file for a release; `BadPredictions` says what is wrong with it first."""
    try:
        file = _opened(path, manifest)
    except ValidationError as invalid:
        raise BadPredictions(f"{path}: header: {describe(invalid)}") from None
    for problem in (*_form_problems(file), *_size_problems(file)):
        raise BadPredictions(f"{path}: {problem}")
    predictions = _decoded(file)
    for problem in _value_problems(predictions):
        raise BadPredictions(f"{path}: {problem}")
    return predictions


def checked_predictions(
    path: Path, release: Release
) -> tuple[PredictionHeader | None, Predictions | None, list[str]]:
    """Find everything that is wrong with a prediction file, each with its row, id or field.

    Returns the header and the predictions as far as they can be read. A file of more rows or bytes
    than the split asks for is not decoded.
    """
    try:
        file = _opened(path, release.manifest)
    except BadPredictions as problem:
        return None, None, [str(problem)]
    except ValidationError as invalid:
        return None, None, [f"{path}: header: {problem}" for problem in problems_of(invalid)]
    problems = [*_form_problems(file), *_size_problems(file)]
    if problems:
        return file.header, None, [f"{path}: {problem}" for problem in problems]
    try:
        predictions = _decoded(file)
    except BadPredictions as problem:
        return file.header, None, [str(problem)]
    expected = release.asked_ids(file.header.split)[: file.header.asked]
    problems = [*_value_problems(predictions), *_id_problems(predictions, expected)]
    return file.header, predictions, [f"{path}: {problem}" for problem in problems]


def aligned(predictions: Predictions, expected: Sequence[str], path: Path) -> np.ndarray[Any, Any]:
    """Put the predictions in the order of `expected` ids; refuses gaps, duplicates, strangers."""
    for problem in _id_problems(predictions, expected):
        raise BadPredictions(f"{path}: {problem}")
    position = {sample_id: row for row, sample_id in enumerate(predictions.sample_ids)}
    return predictions.values[[position[sample_id] for sample_id in expected]]


@dataclass(frozen=True)
class _File:
    """A prediction file whose header could be read; its columns may still be anything."""

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


def _opened(path: Path, manifest: Manifest) -> _File:
    """Read the footer; pydantic's `ValidationError` where the header is not what it should be."""
    facts, schema = _readable(path, _read_footer)
    return _File(path, _header(path, schema), facts, schema, manifest)


def _read_footer(path: Path) -> tuple[pq.FileMetaData, pa.Schema]:
    with pq.ParquetFile(path) as file:
        return file.metadata, file.schema_arrow


def _decoded(file: _File) -> Predictions:
    table = _readable(file.path, _read_whole)
    for name, column in zip(table.column_names, table.columns, strict=True):
        parts = [chunk.flatten() for chunk in column.chunks] if name != "sample_id" else []
        if column.null_count or any(part.null_count for part in parts):
            raise BadPredictions(f"{file.path}: {name} holds nulls; give every image an answer")
    sample_ids = _texts(file.path, table.column("sample_id"))
    values = vectors_to_numpy(table.column(COLUMN[file.header.track]), file.shape)
    return Predictions(file.header, sample_ids, values)


def _texts(path: Path, column: pa.ChunkedArray) -> list[str]:
    """The ids, unless one is longer than any: a few bytes of a file can repeat a gigabyte."""
    found: list[str] = []
    for chunk in column.chunks:
        lengths = pc.binary_length(chunk.dictionary)
        if len(lengths) and pc.max(lengths).as_py() > LONGEST_ID:
            raise BadPredictions(
                f"{path}: an id is longer than {LONGEST_ID} bytes; write the ids of the records"
            )
        found += chunk.to_pylist()
    return found


def _id(sample_id: str) -> str:
    """An id as it is, and a stranger's text so that nothing in it is hidden."""
    return sample_id if sample_id.isascii() and sample_id.isalnum() else cut(sample_id)


def _plain(reason: str) -> str:
    """A reader's reason, which may quote bytes of the file."""
    return reason if reason.isprintable() and len(reason) <= LONGEST_SHOWN else cut(reason)


def _readable(path: Path, read: Callable[[Path], Any]) -> Any:
    if not path.is_file():
        raise MissingData(f"{path}: there is no such prediction file")
    try:
        return read(path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as problem:
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        raise BadPredictions(
            f"{path}: not a readable Parquet file ({_plain(reason)}); write it anew"
        ) from problem


def _read_whole(path: Path) -> pa.Table:
    # Ids stay in their dictionary: read as text, one long id would be written out for every row.
    with pq.ParquetFile(path, read_dictionary=["sample_id"]) as file:
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
    if len(content) > MAXIMUM_HEADER_BYTES:
        raise BadPredictions(f"{path}: the 'leakboard' header is over {MAXIMUM_HEADER_BYTES} bytes")
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        raise BadPredictions(f"{path}: the 'leakboard' header is not JSON") from None
    return PredictionHeader.model_validate(fields)


def _form_problems(file: _File) -> Iterator[str]:
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


def _size_problems(file: _File) -> Iterator[str]:
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


def _value_problems(predictions: Predictions) -> Iterator[str]:
    """Rows whose probabilities are none: the first of each kind, and how many there are."""
    if predictions.header.track is not Track.ATTRIBUTE:
        return
    values = predictions.values
    infinite = ~np.isfinite(values).all(axis=1)
    sums = values.sum(axis=1, dtype=np.float64, where=~infinite[:, None])
    wrong = ~infinite & ((values < 0).any(axis=1) | (np.abs(sums - 1) > SUM_TOLERANCE))
    for rows, problem in (
        (infinite, "a number that is not finite"),
        (wrong, "probabilities that are negative or do not sum to 1"),
    ):
        if rows.any():
            row = int(np.flatnonzero(rows)[0])
            more = f" (and {rows.sum() - 1} more)" if rows.sum() > 1 else ""
            yield f"row {row} ({_id(predictions.sample_ids[row])}) holds {problem}{more}"


def _id_problems(predictions: Predictions, expected: Sequence[str]) -> Iterator[str]:
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
