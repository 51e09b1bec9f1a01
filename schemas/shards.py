"""Shards: the same records as a Parquet file or as a WebDataset tar.

Nothing here is ever pickled or unpickled: activations are typed Arrow numbers or `.npy` members.
"""

import hashlib
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import CorruptData, MissingData, SchemaMismatch
from .files import replacing
from .manifest import Format
from .pages import copy_numbers
from .records import IDENTIFIERS, RecordSchema
from .tars import append_to_tar, read_tar, tar_records

SUFFIX: dict[Format, str] = {"parquet": "parquet", "webdataset": "tar"}
ROW_GROUP = 256
# As `leakboard bench formats` finds: byte-split floats are 6 % smaller, but DuckDB refuses them.
PARQUET: Mapping[str, Any] = {
    "compression": "zstd",
    "compression_level": 1,
    "use_dictionary": False,
}
# What damaged bytes make of Arrow, tar, zip, deflate, npy and JSON readers: tests flip each bit.
UNREADABLE = (
    pa.ArrowException,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    LookupError,
    OSError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
)


def shard_path(split: str, number: int, count: int, kind: Format) -> str:
    """Name a shard.

    >>> shard_path("test", 0, 2, "parquet")
    'data/test-00000-of-00002.parquet'
    """
    return f"data/{split}-{number:05d}-of-{count:05d}.{SUFFIX[kind]}"


@contextmanager
def shard_writer(
    path: Path, schema: RecordSchema, columns: tuple[str, ...]
) -> Iterator[Callable[[pa.Table], None]]:
    """Yield what appends records, in the format of the path's suffix; atomic and deterministic.

    How the records are divided among the calls does not change the bytes, as long as every table
    but the last holds a multiple of `ROW_GROUP` records.
    """
    with replacing(path) as temporary:
        if path.suffix == ".tar":
            with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
                yield partial(append_to_tar, tar, schema)
        else:
            with pq.ParquetWriter(temporary, schema.arrow(columns), **PARQUET) as file:
                yield partial(file.write_table, row_group_size=ROW_GROUP)


def write_shard(path: Path, table: pa.Table, schema: RecordSchema) -> None:
    """Write the records of one table, all at once."""
    with shard_writer(path, schema, tuple(table.column_names)) as append:
        append(table)


def read_shard(path: Path, schema: RecordSchema, columns: Sequence[str]) -> pa.Table:
    """Read `columns` of a shard; `CorruptData` or `SchemaMismatch` names the file."""
    with _explained(path):
        if path.suffix == ".tar":
            return read_tar(path, schema, columns)
        _refuse_other_columns(path, schema, columns)
        return pq.read_table(path, columns=list(columns), memory_map=True, partitioning=None)


@dataclass(frozen=True)
class Part:
    """Consecutive records of a shard, which any thread may read.

    `table` reads some columns; `copy` copies a column of vectors into an array of their numbers,
    faster, or returns False where the shard's encoding does not allow it.
    """

    rows: int
    table: Callable[[Sequence[str]], pa.Table]
    copy: Callable[[str, np.ndarray[Any, Any]], bool]


def parts(path: Path, schema: RecordSchema, columns: tuple[str, ...], rows: int) -> list[Part]:
    """The row groups of a Parquet shard in record order; a tar of `rows` records is one part.

    Raises as `read_shard` does, here or where a part is read.
    """
    if path.suffix == ".tar":
        return [Part(rows, partial(read_shard, path, schema), lambda name, into: False)]
    with _explained(path):
        _refuse_other_columns(path, schema, columns)
        content = pa.memory_map(str(path)).read_buffer()
        metadata = pq.read_metadata(pa.BufferReader(content))
        groups = [_Group(path, content, metadata, n) for n in range(metadata.num_row_groups)]
        return [Part(group.facts.num_rows, group.table, group.copy) for group in groups]


@dataclass(frozen=True)
class _Group:
    """A row group of a mapped file."""

    path: Path
    content: pa.Buffer
    metadata: pq.FileMetaData
    number: int

    @property
    def facts(self) -> pq.RowGroupMetaData:
        return self.metadata.row_group(self.number)

    def table(self, columns: Sequence[str]) -> pa.Table:
        source = pa.BufferReader(self.content)
        with _explained(self.path), pq.ParquetFile(source, metadata=self.metadata) as file:
            return file.read_row_group(self.number, columns=list(columns), use_threads=False)

    def copy(self, column: str, into: np.ndarray[Any, Any]) -> bool:
        facts = self.facts
        chunks = (facts.column(number) for number in range(facts.num_columns))
        with _explained(self.path):
            chunk = next(c for c in chunks if c.path_in_schema.split(".")[0] == column)
            return copy_numbers(memoryview(self.content).cast("B"), chunk, into)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Say of an absent or unreadable shard what it is and what to do."""
    if not path.is_file():
        raise MissingData(f"{path}: the shard is missing; pull or generate the release again")
    try:
        yield
    except UNREADABLE as problem:
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        raise CorruptData(
            f"{path}: the shard cannot be read ({reason}); pull or generate the release again"
        ) from problem


def _refuse_other_columns(path: Path, schema: RecordSchema, columns: Sequence[str]) -> None:
    stored = pq.read_schema(path)
    for expected in schema.arrow(columns):
        if expected.name not in stored.names or not stored.field(expected.name).equals(expected):
            raise SchemaMismatch(
                f"{path}: expected a column {expected.name} of {expected.type} as the manifest "
                f"says, but got {', '.join(f'{field.name} of {field.type}' for field in stored)}"
            )


def foreign_content(path: Path, schema: RecordSchema, columns: tuple[str, ...]) -> list[str]:
    """Name what a readable shard holds beside `columns`: other columns, other metadata."""
    if path.suffix == ".tar":
        names = {name for record in tar_records(path).values() for name in record}
        return sorted(names.difference(columns))
    stored = pq.read_schema(path)
    expected = schema.arrow(columns)
    notes = set((stored.metadata or {}).items()) - set(expected.metadata.items())
    return sorted({*stored.names}.difference(columns) | {f"metadata {key!r}" for key, _ in notes})


class ContentHash:
    """SHA-256 over the records of a shard column by column, whatever file format holds them.

    The records come in parts; of all of them only the small columns are kept. What names the
    records comes before the activations in that order, and must be known from the start.
    """

    def __init__(self, identifiers: pa.Table) -> None:
        self._digest = hashlib.sha256()
        self._rows = identifiers.num_rows
        self._rest: list[pa.Table] = []
        for name in IDENTIFIERS:
            self._begin(name)
            self._add(identifiers.column(name))
        self._begin("activation")

    def update(self, part: pa.Table) -> None:
        """Take the next records."""
        self._add(part.column("activation"))
        self._rest.append(part.drop_columns([*IDENTIFIERS, "activation"]))

    def hexdigest(self) -> str:
        """Hash what was kept; nothing can be added afterwards."""
        rest = pa.concat_tables(self._rest)
        for name in rest.column_names:
            self._begin(name)
            self._add(rest.column(name))
        return self._digest.hexdigest()

    def _begin(self, name: str) -> None:
        self._digest.update(f"{name}\0{self._rows}\0".encode())

    def _add(self, column: pa.ChunkedArray) -> None:
        for part in _canonical_bytes(column):
            self._digest.update(part)


def content_sha256(table: pa.Table) -> str:
    """Hash the records of one table, which starts with the identifiers and the activations."""
    content = ContentHash(table.select(IDENTIFIERS))
    content.update(table)
    return content.hexdigest()


def _canonical_bytes(column: pa.ChunkedArray) -> Iterator[bytes | memoryview]:
    if pa.types.is_fixed_size_list(column.type):
        yield from (memoryview(chunk.flatten().to_numpy()).cast("B") for chunk in column.chunks)
    elif pa.types.is_integer(column.type):
        yield column.to_numpy().astype("<i8").tobytes()
    else:
        values = column.to_pylist()
        if pa.types.is_struct(column.type):
            values = [image["bytes"] for image in values]
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        yield np.array([len(value) for value in encoded], "<u8").tobytes()
        yield from encoded
