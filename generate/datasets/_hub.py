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
    """Read every label, and no image."""
    tables = [_read_columns(shard.path, layout) for shard in shards]
    for shard, table in zip(shards, tables, strict=True):
        for attribute, column in layout.labels.items():
            _check_labels(shard.path, table, column, classes[attribute])
    table = pa.concat_tables([table.replace_schema_metadata(None) for table in tables])
    keys = [
        f"{shard.key}/{row}"
        for shard, table in zip(shards, tables, strict=True)
        for row in range(table.num_rows)
    ]
    splits = np.repeat([shard.split for shard in shards], [table.num_rows for table in tables])
    return Index(
        keys=keys,
        subjects=_strings(table.column(layout.subject)) if layout.subject else keys,
        labels={name: _int64(table.column(column)) for name, column in layout.labels.items()},
        official_test=splits == layout.test if layout.test else None,
    )


def _read_columns(path: Path, layout: HubLayout) -> pa.Table:
    with _reading(path), pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        image = schema.field(layout.image).type if layout.image in schema.names else None
        if not set(layout.columns) <= set(schema.names) or not _holds_bytes(image):
            raise SchemaMismatch(
                f"{path}: expected an image column {layout.image!r} (a struct with bytes) and the "
                f"columns {layout.columns}, but got {schema.names}; give an unchanged Hub copy"
            )
        return file.read(columns=layout.columns)


def _holds_bytes(kind: pa.DataType | None) -> bool:
    return kind is not None and pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0


def _check_labels(path: Path, table: pa.Table, column: str, classes: tuple[str, ...]) -> None:
    kind = table.schema.field(column).type
    if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind)):
        raise SchemaMismatch(f"{path}: expected class numbers in {column!r}, but got {kind}")
    names = _class_names(table.schema, column)
    if names is not None and names != classes:
        raise SchemaMismatch(f"{path}: expected {column!r} to mean {classes}, but got {names}")
    if table.column(column).null_count:
        raise SchemaMismatch(f"{path}: {column!r} has {table.column(column).null_count} gaps")
    outside = sorted(set(np.unique(_int64(table.column(column)))) - set(range(len(classes))))
    if outside:
        raise SchemaMismatch(
            f"{path}: expected {column!r} in 0..{len(classes) - 1}, but got {outside[0]}"
        )


def _class_names(schema: pa.Schema, column: str) -> tuple[str, ...] | None:
    """Class names as the `datasets` library noted them beside the schema, where it did."""
    metadata: dict[bytes, bytes] = schema.metadata or {}
    noted: dict[str, Any] = json.loads(metadata.get(b"huggingface", b"{}"))
    names = noted.get("info", {}).get("features", {}).get(column, {}).get("names")
    return None if names is None else tuple(names)


def _int64(column: pa.ChunkedArray) -> NDArray[np.int64]:
    values: NDArray[np.int64] = column.cast(pa.int64()).to_numpy()
    return values


def _strings(column: pa.ChunkedArray) -> list[str]:
    values: list[str] = column.cast(pa.string()).to_pylist()
    return values


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as problem:
        raise CorruptData(f"{path}: the Parquet file cannot be read ({problem})") from problem
