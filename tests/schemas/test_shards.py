import io
import tarfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leakboard.schemas import (
    CorruptData,
    LeakboardError,
    MissingData,
    RecordSchema,
    SchemaMismatch,
    public_columns,
)
from leakboard.schemas.records import IDENTIFIERS, RESERVE_COLUMNS, vectors_to_numpy
from leakboard.schemas.shards import (
    ROW_GROUP,
    ContentHash,
    content_sha256,
    parts,
    read_shard,
    shard_writer,
    write_shard,
)

from .conftest import MakeRecords

both_formats = pytest.mark.parametrize("suffix", ["parquet", "tar"])


@pytest.fixture
def records(make_records: MakeRecords) -> pa.Table:
    return make_records(7)


@both_formats
@settings(max_examples=20)
@given(count=st.integers(1, 300), split=st.sampled_from(["test", "auxiliary"]))
def test_records_come_back_value_for_value(
    tmp_path_factory: pytest.TempPathFactory,
    schema: RecordSchema,
    make_records: MakeRecords,
    suffix: str,
    count: int,
    split: str,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"round-trip.{suffix}"
    columns = public_columns(split)
    written = make_records(count).select(columns)
    write_shard(path, written, schema)
    read = read_shard(path, schema, columns)
    assert read.equals(written)
    assert read.schema.field("activation").metadata[b"shape"] == b"[3, 4, 5]"
    assert content_sha256(read) == content_sha256(written)


def test_an_activation_is_typed_numbers_in_c_order(
    tmp_path: Path, schema: RecordSchema, records: pa.Table
) -> None:
    path = tmp_path / "test.parquet"
    write_shard(path, records, schema)
    stored = pq.read_table(path).column("activation")
    assert stored.type == pa.list_(pa.field("item", pa.float16(), nullable=False), 60)
    first = np.asarray(stored[0].as_py(), np.float16).reshape(3, 4, 5)
    assert np.array_equal(first, vectors_to_numpy(records.column("activation"), (3, 4, 5))[0])


def test_the_members_of_a_tar_are_what_webdataset_expects(
    tmp_path: Path, schema: RecordSchema, records: pa.Table
) -> None:
    path = tmp_path / "auxiliary.tar"
    write_shard(path, records, schema)
    first = records.column("sample_id")[0].as_py()
    with tarfile.open(path) as tar:
        members = tar.getmembers()
        assert [m.name for m in members[:3]] == [
            f"{first}.activation.npz",
            f"{first}.input.png",
            f"{first}.json",
        ]
        assert {(m.mtime, m.uid, m.gid, m.uname) for m in members} == {(0, 0, 0, "")}


@both_formats
def test_the_same_records_are_the_same_bytes(
    tmp_path: Path, schema: RecordSchema, make_records: MakeRecords, suffix: str
) -> None:
    for name in ("one", "other"):
        write_shard(tmp_path / f"{name}.{suffix}", make_records(9), schema)
    one, other = sorted(tmp_path.iterdir())
    assert one.read_bytes() == other.read_bytes()


@both_formats
def test_records_that_come_in_row_groups_are_the_same_bytes_as_all_at_once(
    tmp_path: Path, schema: RecordSchema, make_records: MakeRecords, suffix: str
) -> None:
    whole = make_records(2 * ROW_GROUP + 9)
    write_shard(tmp_path / f"whole.{suffix}", whole, schema)
    content = ContentHash(whole.select(list(IDENTIFIERS)))
    columns = tuple(whole.column_names)
    with shard_writer(tmp_path / f"parts.{suffix}", schema, columns) as append:
        for start in range(0, whole.num_rows, ROW_GROUP):
            append(whole.slice(start, ROW_GROUP))
            content.update(whole.slice(start, ROW_GROUP))
    one, other = sorted(tmp_path.iterdir())
    assert one.read_bytes() == other.read_bytes()
    assert content.hexdigest() == content_sha256(whole)


def test_the_content_hash_does_not_depend_on_how_a_table_is_cut(make_records: MakeRecords) -> None:
    whole = make_records(10)
    cut = pa.concat_tables([whole.slice(0, 3), whole.slice(3, 1), whole.slice(4)])
    assert cut.column("activation").num_chunks == 3
    assert content_sha256(cut) == content_sha256(whole)


def test_the_content_hash_sees_every_column_the_order_and_the_count(records: pa.Table) -> None:
    hashes = {content_sha256(records), content_sha256(records.slice(0, 6))}
    hashes.add(content_sha256(records.take([1, 0, 2, 3, 4, 5, 6])))
    for number, field in enumerate(records.schema):
        turned = records.column(field.name).take([1, 0, 2, 3, 4, 5, 6])
        if not turned.equals(records.column(field.name)):
            hashes.add(content_sha256(records.set_column(number, field, turned)))
    assert len(hashes) == 3 + len(RESERVE_COLUMNS)


@both_formats
@given(cut=st.floats(0, 0.85))  # a tar ends in zeros, whose loss is no loss
def test_a_truncated_shard_is_refused(
    tmp_path_factory: pytest.TempPathFactory,
    schema: RecordSchema,
    make_records: MakeRecords,
    suffix: str,
    cut: float,
) -> None:
    path = tmp_path_factory.getbasetemp() / f"truncated.{suffix}"
    write_shard(path, make_records(20), schema)
    content = path.read_bytes()
    path.write_bytes(content[: int(cut * len(content))])
    with pytest.raises(CorruptData, match=rf"truncated\.{suffix}: the shard cannot be read"):
        read_shard(path, schema, RESERVE_COLUMNS)


@both_formats
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_is_refused_in_one_sentence_or_reads_as_records(
    tmp_path_factory: pytest.TempPathFactory,
    schema: RecordSchema,
    make_records: MakeRecords,
    suffix: str,
    place: float,
    bit: int,
) -> None:
    """Only the SHA-256 of the manifest finds every flip; no reader may crash on one."""
    path = tmp_path_factory.getbasetemp() / f"flipped.{suffix}"
    write_shard(path, make_records(3), schema)
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 1 << bit
    path.write_bytes(content)
    assert "\n" not in refusal(path, schema)


@both_formats
def test_the_parts_of_a_shard_are_its_records_in_order(
    tmp_path: Path, schema: RecordSchema, make_records: MakeRecords, suffix: str
) -> None:
    path = tmp_path / f"parts.{suffix}"
    written = make_records(2 * ROW_GROUP + 1)
    write_shard(path, written, schema)
    cut = parts(path, schema, RESERVE_COLUMNS, len(written))
    assert pa.concat_tables([part.table(RESERVE_COLUMNS) for part in cut]).equals(written)
    for name, kind, shape in (
        ("activation", np.float16, (3, 4, 5)),
        ("task_logits", np.float32, (2,)),
    ):
        numbers = [np.empty((part.rows, *shape), kind) for part in cut]
        copied = [part.copy(name, into) for part, into in zip(cut, numbers, strict=True)]
        assert copied == [suffix == "parquet"] * len(cut)
        if all(copied):
            stored = vectors_to_numpy(written.column(name), shape)
            assert np.concatenate(numbers).tobytes() == stored.tobytes()


@pytest.mark.slow
@both_formats
def test_a_flip_anywhere_is_refused_in_one_sentence_or_reads_as_records(
    tmp_path: Path, schema: RecordSchema, make_records: MakeRecords, suffix: str
) -> None:
    path = tmp_path / f"flipped.{suffix}"
    write_shard(path, make_records(1), schema)
    content = path.read_bytes()
    for place, byte in enumerate(content):
        path.write_bytes(content[:place] + bytes([byte ^ 1 << place % 8]) + content[place + 1 :])
        assert "\n" not in refusal(path, schema), place


def refusal(path: Path, schema: RecordSchema) -> str:
    """Why the shard is refused; nothing where it can be read; any other error passes through."""
    try:
        read_shard(path, schema, RESERVE_COLUMNS)
    except LeakboardError as refused:
        return str(refused)
    return ""


@both_formats
def test_a_column_that_is_not_there_is_named(
    tmp_path: Path, schema: RecordSchema, records: pa.Table, suffix: str
) -> None:
    path = tmp_path / f"test.{suffix}"
    write_shard(path, records.select(public_columns("test")), schema)
    with pytest.raises(SchemaMismatch, match=r"expected (a column )?input"):
        read_shard(path, schema, public_columns("auxiliary"))


@both_formats
@pytest.mark.parametrize("shape", [(3, 4, 6), (6, 4, 5)], ids=str)
def test_activations_of_another_shape_are_refused(
    tmp_path: Path, schema: RecordSchema, records: pa.Table, suffix: str, shape: tuple[int, ...]
) -> None:
    path = tmp_path / f"test.{suffix}"
    write_shard(path, records, schema)
    channels, height, width = shape
    other = RecordSchema((channels, height, width), ("no", "yes"), ("a", "b", "c"))
    with pytest.raises(SchemaMismatch, match=r"expected a.* activation .* as the manifest says"):
        read_shard(path, other, RESERVE_COLUMNS)


def test_a_tar_with_float32_activations_is_refused(
    tmp_path: Path, schema: RecordSchema, records: pa.Table
) -> None:
    path = tmp_path / "test.tar"
    write_shard(path, records, schema)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, activation=np.zeros((3, 4, 5), np.float32))
    with tarfile.open(path) as tar:
        contents = {m: tar.extractfile(m) for m in tar.getmembers()}
        rewritten = {m.name: f.read() for m, f in contents.items() if f is not None}
    rewritten[next(iter(rewritten))] = buffer.getvalue()
    with tarfile.open(path, "w") as tar:
        for name, content in rewritten.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    with pytest.raises(SchemaMismatch, match=r"expected an activation float16 .* got float32"):
        read_shard(path, schema, RESERVE_COLUMNS)


@both_formats
def test_an_absent_shard_is_missing_data(tmp_path: Path, schema: RecordSchema, suffix: str) -> None:
    with pytest.raises(MissingData, match="the shard is missing; pull or generate"):
        read_shard(tmp_path / f"test.{suffix}", schema, RESERVE_COLUMNS)
