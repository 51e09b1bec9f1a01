"""A shard as a WebDataset tar: <id>.activation.npz, <id>.input.{png,jpg}, <id>.json.

Only plain tars are read, and arrays without pickled objects.
"""

import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa

from .errors import SchemaMismatch
from .records import RecordSchema, vectors_to_arrow, vectors_to_numpy


def append_to_tar(tar: tarfile.TarFile, schema: RecordSchema, table: pa.Table) -> None:
    """Write the next records, without times or owners: the same records are the same bytes."""
    activations = vectors_to_numpy(table.column("activation"), schema.activation_shape)
    for row, activation in zip(
        table.drop_columns(["activation"]).to_pylist(), activations, strict=True
    ):
        image = row.pop("input", None)
        key = row["sample_id"]
        _add(tar, f"{key}.activation.npz", _npz(activation))
        if image is not None:
            _add(tar, f"{key}.input.{_image_suffix(image['bytes'])}", image["bytes"])
        _add(tar, f"{key}.json", json.dumps(row, sort_keys=True).encode())


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # modification time, owner and group stay 0 and empty
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _npz(activation: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, activation=activation)
    return buffer.getvalue()


def _image_suffix(content: bytes) -> str:
    """Tell PNG from JPEG by the first bytes."""
    return "png" if content.startswith(b"\x89PNG") else "jpg"


def read_tar(path: Path, schema: RecordSchema, columns: Sequence[str]) -> pa.Table:
    """Read `columns`; `SchemaMismatch`, or one of `shards.UNREADABLE`, where that fails."""
    records = tar_records(path)
    for key, record in records.items():
        _refuse_foreign(f"{path}: record {key}", record, schema, columns)
    return _to_table(list(records.values()), schema, columns)


def tar_records(path: Path) -> dict[str, dict[str, Any]]:
    """Read the fields of every record, by its key."""
    records: dict[str, dict[str, Any]] = {}
    with tarfile.open(path, "r:") as tar:
        for member in tar:
            content = tar.extractfile(member)
            if content is None:
                raise SchemaMismatch(f"{path}: member {member.name!r} is not a plain file")
            key, _, suffix = member.name.partition(".")
            records.setdefault(key, {}).update(_read_member(content, suffix))
        _refuse_cut(tar)
    return records


def _refuse_cut(tar: tarfile.TarFile) -> None:
    """Two blocks of zeros end an archive; tarfile itself takes a cut or a bad header for an end."""
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(2 * tarfile.BLOCKSIZE) != bytes(2 * tarfile.BLOCKSIZE):
        raise tarfile.ReadError("the end of the archive is missing")


def _refuse_foreign(
    where: str, record: Mapping[str, Any], schema: RecordSchema, columns: Sequence[str]
) -> None:
    missing = [name for name in ("activation", *columns) if name not in record]
    if missing:
        raise SchemaMismatch(f"{where}: expected {missing[0]}, but got {', '.join(record)}")
    activation = record["activation"]
    if activation.dtype != np.float16 or activation.shape != schema.activation_shape:
        raise SchemaMismatch(
            f"{where}: expected an activation float16 {schema.activation_shape} as the manifest "
            f"says, but got {activation.dtype} {activation.shape}"
        )


def _read_member(content: IO[bytes], suffix: str) -> dict[str, Any]:
    if suffix == "activation.npz":
        with np.load(io.BytesIO(content.read()), allow_pickle=False) as arrays:
            return {"activation": arrays["activation"]}
    if suffix == "json":
        fields: dict[str, Any] = json.load(content)
        return fields
    return {"input": {"bytes": content.read(), "path": None}}


def _to_table(
    records: list[dict[str, Any]], schema: RecordSchema, columns: Sequence[str]
) -> pa.Table:
    arrow = schema.arrow(columns)
    return pa.table(
        [_to_column([record[field.name] for record in records], field) for field in arrow],
        schema=arrow,
    )


def _to_column(values: list[Any], field: pa.Field) -> pa.Array:
    if pa.types.is_fixed_size_list(field.type):
        kind = field.type.value_type.to_pandas_dtype()
        return vectors_to_arrow(np.asarray(values, dtype=kind), field)
    return pa.array(values, field.type)
