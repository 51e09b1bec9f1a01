"""commitments.json: a salted hash of every hidden record, published with the release.

It says nothing of a record to who does not have its salt, and binds who made it: no other record
has that hash. A record's salt follows from the release's, and can be told for that record alone.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
import pyarrow as pa

from .base import Record, Sha256
from .secret import Secret

COMMITMENTS_FILE = "commitments.json"


class RecordCommitments(Record):
    """The hashes of the `test` and `reserve` records of one release, in record order."""

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    test: tuple[Sha256, ...]
    reserve: tuple[Sha256, ...]


def committed(table: pa.Table, salt: Secret) -> list[str]:
    """Hash each record of `table` with its own salt, an HMAC of its `sample_id`.

    SHA-256 over the 32 bytes of the salt, then for each column its name and its value, each with
    its length before it (little-endian uint64): text as UTF-8, integers in decimal, images as
    their bytes, vectors as little-endian numbers.
    """
    names = [_framed(name.encode()) for name in table.column_names]
    columns = [list(_values(table.column(name))) for name in table.column_names]
    ids = table.column("sample_id").to_pylist()
    return [
        _hash(salt.digest("record", sample_id), zip(names, values, strict=True))
        for sample_id, *values in zip(ids, *columns, strict=True)
    ]


def _hash(salt: bytes, record: Iterable[tuple[bytes, bytes]]) -> str:
    content = hashlib.sha256(salt)
    for name, value in record:
        content.update(name + _framed(value))
    return content.hexdigest()


def _framed(value: bytes) -> bytes:
    return len(value).to_bytes(8, "little") + value


def _values(column: pa.ChunkedArray) -> Iterator[bytes]:
    if pa.types.is_fixed_size_list(column.type):
        for chunk in column.chunks:
            numbers = chunk.flatten().to_numpy()
            little = numbers.astype(numbers.dtype.newbyteorder("<")).reshape(len(chunk), -1)
            yield from (np.ascontiguousarray(row).tobytes() for row in little)
        return
    for value in column.to_pylist():
        yield value["bytes"] if isinstance(value, dict) else str(value).encode()
