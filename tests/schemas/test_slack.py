"""Bytes that no record needs are found: a label could be hidden in any of them."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from leakboard.schemas import RecordSchema
from leakboard.schemas.shards import PARQUET, ROW_GROUP, write_shard
from leakboard.schemas.slack import slack

from .conftest import MakeRecords

Member = tuple[tarfile.TarInfo, bytes]


@pytest.mark.parametrize("suffix", ["parquet", "tar"])
@pytest.mark.parametrize("count", [1, 60, ROW_GROUP + 1])
def test_a_shard_as_written_has_no_slack(
    tmp_path: Path, schema: RecordSchema, make_records: MakeRecords, suffix: str, count: int
) -> None:
    path = tmp_path / f"test.{suffix}"
    write_shard(path, make_records(count), schema)
    assert list(slack(path)) == []


def test_other_row_groups_and_hidden_bytes_in_parquet_are_found(
    tmp_path: Path, make_records: MakeRecords
) -> None:
    path, records = tmp_path / "test.parquet", make_records(60)
    pq.write_table(records, path, row_group_size=17, **PARQUET)
    assert "row groups" in " ".join(slack(path))
    pq.write_table(records, path, row_group_size=ROW_GROUP, write_page_index=True, **PARQUET)
    assert "belong to no column" in " ".join(slack(path))


def timed(member: tarfile.TarInfo, content: bytes) -> Member:
    member.mtime = 1
    return member, content


def owned(member: tarfile.TarInfo, content: bytes) -> Member:
    member.uname = "a"
    return member, content


def spaced(member: tarfile.TarInfo, content: bytes) -> Member:
    return member, content + b" " if member.name.endswith(".json") else content


def commented(member: tarfile.TarInfo, content: bytes) -> Member:
    if not member.name.endswith(".npz"):
        return member, content
    buffer = io.BytesIO(content)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"1"
    return member, buffer.getvalue()


@pytest.mark.parametrize("smuggle", [timed, owned, spaced, commented])
def test_what_a_tar_holds_beside_its_records_is_found(
    tmp_path: Path,
    schema: RecordSchema,
    make_records: MakeRecords,
    smuggle: Callable[[tarfile.TarInfo, bytes], Member],
) -> None:
    path, changed = tmp_path / "test.tar", tmp_path / "changed.tar"
    write_shard(path, make_records(5), schema)
    with tarfile.open(path) as tar, tarfile.open(changed, "w", format=tarfile.USTAR_FORMAT) as out:
        for member in tar:
            content = tar.extractfile(member)
            assert content is not None
            member, data = smuggle(member, content.read())
            member.size = len(data)
            out.addfile(member, io.BytesIO(data))
    assert list(slack(changed))


def test_bytes_in_the_padding_and_behind_the_end_of_a_tar_are_found(
    tmp_path: Path, schema: RecordSchema, make_records: MakeRecords
) -> None:
    path = tmp_path / "test.tar"
    write_shard(path, make_records(1), schema)
    original = path.read_bytes()
    with tarfile.open(path) as tar:
        json = tar.getmembers()[-1]
    for place in (json.offset_data + json.size, len(original) - 1):
        content = bytearray(original)
        content[place] = 1
        path.write_bytes(content)
        assert len(list(slack(path))) == 1
