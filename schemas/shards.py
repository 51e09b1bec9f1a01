"""Shards: the same records as a Parquet file or as a WebDataset tar.

Nothing here is ever pickled or unpickled: activations are typed Arrow numbers or `.npy` members.
"""

import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import CorruptData, MissingData, SchemaMismatch
from .files import replacing
from .manifest import Format
from .records import RecordSchema, vectors_to_arrow, vectors_to_numpy

SUFFIX: dict[Format, str] = {"parquet": "parquet", "webdataset": "tar"}
VECTORS = ("activation", "task_logits")
ROW_GROUP = 256


def shard_path(split: str, number: int, count: int, kind: Format) -> str:
    """Name a shard.

    >>> shard_path("test", 0, 2, "parquet")
    'data/test-00000-of-00002.parquet'
    """
    return f"data/{split}-{number:05d}-of-{count:05d}.{SUFFIX[kind]}"


def write_shard(path: Path, table: pa.Table, schema: RecordSchema) -> None:
    """Write records in the format of the path's suffix, atomically and deterministically."""
    with replacing(path) as temporary:
        if path.suffix == ".tar":
            _write_tar(temporary, table, schema)
        else:
            pq.write_table(
                table,
                temporary,
                compression="zstd",
                compression_level=1,
                row_group_size=ROW_GROUP,
                use_dictionary=False,
            )


def read_shard(path: Path, schema: RecordSchema, columns: tuple[str, ...]) -> pa.Table:
    """Read `columns` of a shard; `CorruptData` or `SchemaMismatch` names the file."""
    if not path.is_file():
        raise MissingData(f"{path}: the shard is missing; pull or generate the release again")
    try:
        if path.suffix == ".tar":
            return _read_tar(path, schema, columns)
        table = pq.read_table(path, columns=list(columns), memory_map=True, partitioning=None)
    except (
        pa.ArrowException,
        OSError,
        ValueError,
        KeyError,
        tarfile.TarError,
        zipfile.BadZipFile,
    ) as problem:
        raise CorruptData(f"{path}: the shard cannot be read ({problem})") from problem
    expected = schema.arrow(columns)
    if not table.schema.equals(expected):
        raise SchemaMismatch(
            f"{path}: expected the columns {expected.names} typed as the manifest says, "
            f"but got {[f'{field.name}: {field.type}' for field in table.schema]}"
        )
    return table


def content_sha256(table: pa.Table) -> str:
    """Hash the records column by column: the same whatever file format held them."""
    digest = hashlib.sha256()
    for name in table.column_names:
        digest.update(f"{name}\0{table.num_rows}\0".encode())
        for part in _canonical_bytes(table.column(name)):
            digest.update(part)
    return digest.hexdigest()


def _canonical_bytes(column: pa.ChunkedArray) -> Iterator[bytes]:
    if pa.types.is_fixed_size_list(column.type):
        yield from (np.ascontiguousarray(chunk.flatten()).tobytes() for chunk in column.chunks)
    elif pa.types.is_integer(column.type):
        yield column.to_numpy().astype("<i8").tobytes()
    else:
        values = column.to_pylist()
        if pa.types.is_struct(column.type):
            values = [image["bytes"] for image in values]
        encoded = [value.encode() if isinstance(value, str) else value for value in values]
        yield np.array([len(value) for value in encoded], "<u8").tobytes()
        yield from encoded


# WebDataset: <id>.activation.npz, <id>.input.{png,jpg}, <id>.json -----------------------------


def _write_tar(path: Path, table: pa.Table, schema: RecordSchema) -> None:
    activations = vectors_to_numpy(table.column("activation"), schema.activation_shape)
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for row, activation in zip(
            table.drop_columns(["activation"]).to_pylist(), activations, strict=True
        ):
            image = row.pop("input", None)
            key = row["sample_id"]
            _add(tar, f"{key}.activation.npz", _npz(activation))
            if image is not None:
                _add(tar, f"{key}.input.{image_suffix(image['bytes'])}", image["bytes"])
            _add(tar, f"{key}.json", json.dumps(row, sort_keys=True).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # modification time, owner and group stay 0 and empty
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _npz(activation: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, activation=activation)
    return buffer.getvalue()


def image_suffix(content: bytes) -> str:
    """Tell PNG from JPEG by the first bytes."""
    return "png" if content.startswith(b"\x89PNG") else "jpg"


def _read_tar(path: Path, schema: RecordSchema, columns: tuple[str, ...]) -> pa.Table:
    records: dict[str, dict[str, Any]] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                raise SchemaMismatch(f"{path}: member {member.name!r} is not a plain file")
            key, _, suffix = member.name.partition(".")
            records.setdefault(key, {}).update(_read_member(content, suffix))
    return _to_table(list(records.values()), schema, columns)


def _read_member(content: IO[bytes], suffix: str) -> dict[str, Any]:
    if suffix == "activation.npz":
        with np.load(io.BytesIO(content.read()), allow_pickle=False) as arrays:
            return {"activation": arrays["activation"]}
    if suffix == "json":
        fields: dict[str, Any] = json.load(content)
        return fields
    return {"input": {"bytes": content.read(), "path": None}}


def _to_table(
    records: list[dict[str, Any]], schema: RecordSchema, columns: tuple[str, ...]
) -> pa.Table:
    arrow = schema.arrow(columns)
    return pa.table(
        [_to_column([record[field.name] for record in records], field) for field in arrow],
        schema=arrow,
    )


def _to_column(values: list[Any], field: pa.Field) -> pa.Array:
    if field.name in VECTORS:
        kind = field.type.value_type.to_pandas_dtype()
        return vectors_to_arrow(np.asarray(values, dtype=kind), field)
    return pa.array(values, field.type)
