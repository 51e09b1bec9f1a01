"""Read a prediction file that anybody may have written: its footer, its header, then its rows."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from .base import LONGEST_SHOWN, cut, describe, problems_of
from .errors import BadPredictions, MissingData
from .manifest import Manifest
from .prediction_header import COLUMN, METADATA_KEY, PredictionHeader
from .prediction_problems import (
    PredictionFacts,
    form_problems,
    id_problems,
    size_problems,
    value_problems,
)
from .predictions import Predictions
from .records import vectors_to_numpy
from .release import Release

MAXIMUM_HEADER_BYTES = 64 * 2**10
LONGEST_ID = 256  # bytes; ours have 32
CHUNK_ROWS = 256  # read at a time: Parquet decodes each pixel to 12 bytes before it is one again


def read_predictions(path: Path, manifest: Manifest) -> Predictions:
    """Read a prediction file for a release; `BadPredictions` says what is wrong with it first."""
    try:
        file = _opened(path, manifest)
    except ValidationError as invalid:
        raise BadPredictions(f"{path}: header: {describe(invalid, PredictionHeader)}") from None
    for problem in (*form_problems(file), *size_problems(file)):
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
        return (
            None,
            None,
            [f"{path}: header: {problem}" for problem in problems_of(invalid, PredictionHeader)],
        )
    problems = [*form_problems(file), *size_problems(file)]
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


def _value_problems(given: Predictions) -> Iterator[str]:
    return value_problems(given.header, given.sample_ids, given.values)


def _id_problems(given: Predictions, expected: Sequence[str]) -> Iterator[str]:
    return id_problems(given.header.split, given.sample_ids, expected)


def _opened(path: Path, manifest: Manifest) -> PredictionFacts:
    """Read the footer; pydantic's `ValidationError` where the header is not what it should be."""
    facts, schema = _readable(path, _read_footer)
    return PredictionFacts(path, _header(path, schema), facts, schema, manifest)


def _read_footer(path: Path) -> tuple[pq.FileMetaData, pa.Schema]:
    with pq.ParquetFile(path) as file:
        return file.metadata, file.schema_arrow


def _decoded(file: PredictionFacts) -> Predictions:
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


def _plain(reason: str) -> str:
    """A reader's reason, which may quote bytes of the file."""
    return reason if reason.isprintable() and len(reason) <= LONGEST_SHOWN else cut(reason)


def _readable(path: Path, read: Callable[[Path], Any]) -> Any:
    if path.is_dir():
        raise MissingData(
            f"{path}: expected a prediction file (Parquet), but it is a folder; name a file in it"
        )
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
