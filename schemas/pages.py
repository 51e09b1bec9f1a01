"""The numbers of a column of vectors, straight from the pages of a Parquet column chunk.

Arrow rebuilds the nesting of every single number, which takes longer than decompressing it. Where
all vectors are of one length and none is null, the numbers are what follows a page's levels.

Sources: Apache Parquet, "Data pages" (version 1) and parquet.thrift; Thrift's compact protocol.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

HEADER_BYTES = 2**12  # more than a page header takes, its smallest and largest number included
DATA_PAGE, PLAIN = 0, 0
TRUE, FALSE, BYTE, INT16, INT32, INT64, BINARY, STRUCT = 1, 2, 3, 4, 5, 6, 8, 12
Fields = dict[int, Any]


@dataclass(frozen=True)
class _Page:
    content: memoryview
    size: int  # bytes once decompressed
    values: int


def copy_numbers(file: memoryview, chunk: pq.ColumnChunkMetaData, into: NDArray[Any]) -> bool:
    """Copy the numbers of a column chunk of `file`; False where its pages are of another form.

    The form: version 1, not encoded further, zstd. `into` is contiguous, of the type stored and as
    long as the chunk. Raises `ValueError` where pages and `into` differ in length, `ValueError`,
    `LookupError` or Arrow's errors where the bytes are damaged.
    """
    pages = list(_pages(file, chunk))
    if not all(pages):
        return False
    flat, codec, start = into.reshape(-1), pa.Codec("zstd"), 0
    for page in filter(None, pages):
        values = _numbers(codec.decompress(page.content, page.size), page.values, into.dtype)
        flat[start : start + page.values] = values
        start += page.values
    if start != len(flat):
        raise ValueError(f"expected {len(flat)} numbers, but got {start}")
    return True


def _numbers(page: pa.Buffer, values: int, kind: np.dtype[Any]) -> NDArray[Any]:
    """What follows repetition and definition levels; a null would have a level and no number."""
    view, start = memoryview(page), 0
    for _ in range(2):
        start += 4 + int.from_bytes(view[start : start + 4], "little")
    if len(view) - start != values * kind.itemsize:
        raise ValueError(f"expected a page of {values} numbers, but got {len(view) - start} bytes")
    return np.frombuffer(page, kind, offset=start)


def _pages(file: memoryview, chunk: pq.ColumnChunkMetaData) -> Iterator[_Page | None]:
    """The pages in their order; None for one that is of another form."""
    start = chunk.data_page_offset
    end = start + chunk.total_compressed_size
    if chunk.compression != "ZSTD" or chunk.has_dictionary_page:
        yield None
        return
    while start < end:
        header, length = _struct(file[start : start + HEADER_BYTES], 0)
        start += length
        if header[1] != DATA_PAGE or header[5][2] != PLAIN:
            yield None
            return
        yield _Page(file[start : start + header[3]], header[2], header[5][1])
        start += header[3]


def _struct(content: memoryview, at: int) -> tuple[Fields, int]:
    """The fields of a struct by their ids, and where it ends."""
    fields: Fields = {}
    number = 0
    while kind := content[at]:
        at += 1
        if step := kind >> 4:
            number += step
        else:
            number, at = _integer(content, at)
        fields[number], at = _value(content, at, kind & 15)
    return fields, at + 1


def _value(content: memoryview, at: int, kind: int) -> tuple[Any, int]:
    if kind in (TRUE, FALSE):
        return kind == TRUE, at
    if kind == BYTE:
        return content[at], at + 1
    if kind in (INT16, INT32, INT64):
        return _integer(content, at)
    if kind == BINARY:
        length, at = _varint(content, at)
        return bytes(content[at : at + length]), at + length
    if kind == STRUCT:
        return _struct(content, at)
    raise ValueError(f"a page header with a field of type {kind}")


def _integer(content: memoryview, at: int) -> tuple[int, int]:
    """A signed number, zigzag."""
    value, at = _varint(content, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at
