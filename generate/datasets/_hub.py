"""The Hub's layout: Parquet files per split with an image column and label columns."""

import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...schemas import CorruptData, MissingData, SchemaMismatch
from . import Index
from ._files import ImageFiles, Source, digest

SHARD = re.compile(r"(?P<key>(?P<split>\w+)-\d{5})-of-(?P<count>\d{5})(-\w+)?\.parquet")
READ_ROWS = 1000  # images in memory at once while they are laid out for random access


@dataclass(frozen=True)
class HubLayout:
    """Which files and columns of a Hub repository make a dataset.

    config   the folder of the repository's configuration; its files may also lie at the top
    splits   all of these are needed, and pooled in this order
    test     the one of them that must stay the test split; None: there is no such
    image    the column of encoded images, `struct<bytes, path>`
    labels   attribute → its column of class numbers or booleans
    subject  the column that says who is pictured; None: nobody is identified
    """

    config: str
    splits: tuple[str, ...]
    image: str
    labels: Mapping[str, str]
    test: str | None = None
    subject: str | None = None

    @property
    def files(self) -> str:
        """The pattern of the Parquet files in the repository."""
        return f"{self.config}/*.parquet"

    @property
    def columns(self) -> list[str]:
        """The columns that make the index."""
        return [*self.labels.values(), *([self.subject] if self.subject else [])]


@dataclass(frozen=True)
class Shard:
    """One Parquet file, `key` being its name without count and suffix: `train-00000`."""

    path: Path
    key: str
    split: str
    count: int


class HubFiles(ImageFiles):
    """A dataset in the Hub's layout, downloaded or in a local folder."""

    def __init__(
        self, source: Source, layout: HubLayout, classes: Mapping[str, tuple[str, ...]]
    ) -> None:
        self.source = source
        self.layout = layout
        self.shards = find_shards(source.folder, layout)
        self.index = read_index(self.shards, layout, classes)

    @property
    def revision(self) -> str:
        """The commit of the repository, or a digest of the local files."""
        return self.source.commit or digest([shard.path for shard in self.shards])

    def read(self, row: int) -> bytes:
        """Return an encoded image as the Parquet file holds it."""
        content: bytes | None = self._contents[row].as_py()
        if content is None:
            raise CorruptData(f"image {self.index.keys[row]} has no bytes in its Parquet file")
        return content

    @cached_property
    def _contents(self) -> pa.ChunkedArray:
        """All image bytes, memory-mapped, because training and release read in random order.

        Parquet has no quick way to one row: the images are laid out once, uncompressed, in a
        temporary Arrow file that lives as long as the mapping.
        """
        schema = pa.schema([("bytes", pa.binary())])
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            path = f"{folder}/images.arrow"
            with pa.ipc.new_file(path, schema) as file:
                for images in self._stored():
                    file.write(pa.record_batch([images], schema=schema))
            return pa.ipc.open_file(pa.memory_map(path)).read_all().column("bytes")

    def _stored(self) -> Iterator[pa.Array]:
        for shard in self.shards:
            with _reading(shard.path), pq.ParquetFile(shard.path) as file:
                for batch in file.iter_batches(READ_ROWS, columns=[self.layout.image]):
                    yield batch.column(0).field("bytes")


def find_shards(folder: Path, layout: HubLayout) -> list[Shard]:
    """Find the Parquet files of every split; `MissingData` names what is not there."""
    named = layout.config if any(folder.glob(layout.files)) else "."
    found = [
        Shard(path, match["key"], match["split"], int(match["count"]))
        for path in sorted((folder / named).glob("*.parquet"))
        if (match := SHARD.fullmatch(path.name))
    ]
    return [shard for split in layout.splits for shard in _complete(found, split, folder)]


def _complete(found: list[Shard], split: str, folder: Path) -> list[Shard]:
    shards = [shard for shard in found if shard.split == split]
    if not shards or len(shards) != shards[0].count:
        expected = f"all {shards[0].count}" if shards else "its"
        raise MissingData(
            f"{folder}: expected {expected} Parquet files {split}-NNNNN-of-NNNNN.parquet of the "
            f"split {split!r}, but found {len(shards)}; copy the whole Hub repository there"
        )
    return shards


def read_index(
    shards: list[Shard], layout: HubLayout, classes: Mapping[str, tuple[str, ...]]
) -> Index:
    """Read every label, and no image; `SchemaMismatch` names the file and column at fault."""
    tables = [_read_columns(shard.path, layout) for shard in shards]
    labels = {
        attribute: _concatenate(tables, column) for attribute, column in layout.labels.items()
    }
    for shard, table in zip(shards, tables, strict=True):
        _check_labels(shard.path, table, layout, classes)
    rows = [table.num_rows for table in tables]
    keys = [f"{shard.key}/{row}" for shard, n in zip(shards, rows, strict=True) for row in range(n)]
    people = _concatenate(tables, layout.subject).astype(str).tolist() if layout.subject else keys
    splits = np.repeat([shard.split for shard in shards], rows)
    return Index(keys, people, labels, splits == layout.test if layout.test else None)


def _read_columns(path: Path, layout: HubLayout) -> pa.Table:
    with _reading(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        wrong = [name for name in layout.columns if not _is_number(schema, name)]
        if wrong or not _holds_bytes(schema, layout.image):
            raise _mismatch(
                path,
                f"a column {layout.image!r} of images (structs with bytes) and numbers in "
                f"{layout.columns}",
                {field.name: str(field.type) for field in schema},
            )
        table = file.read(columns=layout.columns)
    gaps = [name for name in layout.columns if table.column(name).null_count]
    if gaps:
        raise _mismatch(path, "a number in every row", f"gaps in {gaps}")
    return table


def _is_number(schema: pa.Schema, name: str) -> bool:
    kind = schema.field(name).type if name in schema.names else pa.null()
    return bool(pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def _holds_bytes(schema: pa.Schema, name: str) -> bool:
    kind = schema.field(name).type if name in schema.names else pa.null()
    return bool(pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0)


def _concatenate(tables: list[pa.Table], column: str) -> NDArray[np.int64]:
    return np.concatenate([table.column(column).cast(pa.int64()).to_numpy() for table in tables])


def _check_labels(
    path: Path, table: pa.Table, layout: HubLayout, classes: Mapping[str, tuple[str, ...]]
) -> None:
    for attribute, column in layout.labels.items():
        expected, noted = classes[attribute], _class_names(table.schema, column)
        if noted is not None and noted != expected:
            raise _mismatch(path, f"{column!r} to mean {expected}", noted)
        found = np.unique(_concatenate([table], column))
        if not np.isin(found, range(len(expected))).all():
            raise _mismatch(path, f"{column!r} in 0..{len(expected) - 1}", found.tolist())


def _class_names(schema: pa.Schema, column: str) -> tuple[str, ...] | None:
    """Class names as the `datasets` library noted them beside the schema, where it did."""
    metadata: dict[bytes, bytes] = schema.metadata or {}
    noted: dict[str, Any] = json.loads(metadata.get(b"huggingface", b"{}"))
    names = noted.get("info", {}).get("features", {}).get(column, {}).get("names")
    return None if names is None else tuple(names)


def _mismatch(path: Path, expected: str, got: object) -> SchemaMismatch:
    return SchemaMismatch(
        f"{path}: expected {expected}, but got {got}; give an unchanged copy of the Hub repository"
    )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as problem:
        raise CorruptData(f"{path}: the Parquet file cannot be read ({problem})") from problem
