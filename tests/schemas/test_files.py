import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakboard.schemas import CorruptData, MissingData
from leakboard.schemas.files import read_json, replacing, sha256_of, write_text


def test_the_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "shards" / "a.parquet"
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("interruption", [OSError(28, "No space left"), KeyboardInterrupt()])
@pytest.mark.parametrize("written", [True, False], ids=["half written", "not yet written"])
def test_an_interruption_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, interruption: BaseException, written: bool
) -> None:
    path = tmp_path / "manifest.json"
    path.write_text("old")

    def write() -> None:
        with replacing(path) as temporary:
            if written:
                temporary.write_text("ne")
            raise interruption

    with pytest.raises(type(interruption)):
        write()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_left_behind_is_replaced(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.tar") as temporary:
        temporary.write_bytes(b"new")
    temporary.write_bytes(b"left by a killed run, and longer")
    with replacing(tmp_path / "a.tar") as temporary:
        temporary.write_bytes(b"newer")
    assert (tmp_path / "a.tar").read_bytes() == b"newer"
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar"]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_text_is_written_as_utf8_byte_for_byte(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "text"
    write_text(path, text)
    assert path.read_bytes() == text.encode()
    assert sha256_of(path) == hashlib.sha256(text.encode()).hexdigest()


def test_json_that_is_absent_or_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "measurements.json"
    with pytest.raises(MissingData, match=r"measurements\.json is missing; pull or generate"):
        read_json(path)
    for damaged in (b'{"utility": ', b"\xff\xfe\xfd"):
        path.write_bytes(damaged)
        with pytest.raises(CorruptData, match=r"measurements\.json is not JSON"):
            read_json(path)
