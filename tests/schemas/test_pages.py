from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from leakboard.schemas.pages import copy_numbers
from leakboard.schemas.shards import PARQUET, UNREADABLE

Numbers = NDArray[Any]


def vectors(rows: int, length: int, kind: type) -> Numbers:
    """Bits of every kind: numbers, both zeros, infinities, NaNs with payloads."""
    content = np.random.default_rng(0).bytes(rows * length * np.dtype(kind).itemsize)
    return np.frombuffer(content, kind).reshape(rows, length)


def written(path: Path, values: Numbers, **options: Any) -> Path:
    item = pa.field("item", pa.from_numpy_dtype(values.dtype), nullable=False)
    column = pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)), type=pa.list_(item, values.shape[1])
    )
    table = pa.table({"before": range(len(values)), "v": column})
    pq.write_table(table, path, **{**PARQUET, **options})
    return path


def copied(content: bytes, path: Path, kind: type, shape: tuple[int, ...]) -> Numbers | None:
    """All row groups of the column `v`; None where they are of another form."""
    metadata = pq.read_metadata(path)
    into: Numbers = np.zeros(shape, kind)
    start = 0
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        rows = into[start : start + group.num_rows]
        if not copy_numbers(memoryview(content), group.column(1), rows):
            return None
        start += group.num_rows
    return into


@settings(max_examples=40)
@given(
    rows=st.integers(1, 40),
    length=st.integers(1, 300),
    kind=st.sampled_from([np.float16, np.float32]),
    group=st.integers(1, 50),
    page=st.sampled_from([64, 1000, 2**20]),
)
def test_the_numbers_are_those_that_arrow_reads_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory,
    rows: int,
    length: int,
    kind: type,
    group: int,
    page: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "pages.parquet"
    values = vectors(rows, length, kind)
    options = {"row_group_size": group, "data_page_size": page, "write_batch_size": 8}
    written(path, values, **options)
    found = copied(path.read_bytes(), path, kind, values.shape)
    assert found is not None
    column = pq.read_table(path, columns=["v"]).column("v").combine_chunks()
    assert found.tobytes() == values.tobytes() == column.flatten().to_numpy().tobytes()


@pytest.mark.parametrize(
    "other",
    [
        {"compression": "gzip"},
        {"compression": "none", "compression_level": None},
        {"use_dictionary": True},
        {"use_byte_stream_split": ["v.list.element"]},
        {"data_page_version": "2.0"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_pages_of_another_form_are_left_to_arrow(tmp_path: Path, other: dict[str, Any]) -> None:
    values = vectors(9, 50, np.float16)
    path = written(tmp_path / "other.parquet", values, **other)
    assert copied(path.read_bytes(), path, np.float16, values.shape) is None


def test_nulls_and_lengths_that_differ_are_refused(tmp_path: Path) -> None:
    values = vectors(4, 10, np.float32)
    path = written(tmp_path / "v.parquet", values)
    chunk = pq.read_metadata(path).row_group(0).column(1)
    with pytest.raises(ValueError, match="expected 44 numbers, but got 40"):
        copy_numbers(memoryview(path.read_bytes()), chunk, np.zeros((4, 11), np.float32))
    with pytest.raises(ValueError, match="expected a page of 40 numbers, but got 160 bytes"):
        copy_numbers(memoryview(path.read_bytes()), chunk, np.zeros((4, 10), np.float64))
    column = pa.array([[1.0, 2.0], None, [3.0, None]], pa.list_(pa.float32(), 2))
    pq.write_table(pa.table({"before": range(3), "v": column}), path, **PARQUET)
    with pytest.raises(ValueError, match="expected a page of"):
        copied(path.read_bytes(), path, np.float32, (3, 2))


def test_a_flipped_bit_is_refused_as_unreadable_or_reads_as_numbers(tmp_path: Path) -> None:
    """The SHA-256 finds every flip; here none may crash or hang."""
    values = vectors(3, 40, np.float16)
    path = written(tmp_path / "v.parquet", values)
    content = path.read_bytes()
    chunk = pq.read_metadata(path).row_group(0).column(1)
    start = chunk.data_page_offset
    refused = 0
    for bit in range(8 * start, 8 * (start + chunk.total_compressed_size)):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            copy_numbers(memoryview(damaged), chunk, np.zeros_like(values))
        except UNREADABLE:
            refused += 1
    assert refused
