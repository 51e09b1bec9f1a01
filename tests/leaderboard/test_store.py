import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from leakboard.cli import cli
from leakboard.leaderboard import Board
from leakboard.leaderboard.store.board import version_of
from leakboard.schemas import CorruptData, LeaderboardRow, SchemaMismatch, Track, UsageError

from . import postgres
from .conftest import image_values

MakeRow = Callable[..., LeaderboardRow]
UrlOf = Callable[[Path], str | None]

# Two writers start together once the file `go` appears: python -c WRITER BOARD ENTRIES GO
WRITER = """
import json, sys, time
from pathlib import Path
from leakboard.leaderboard import Board
from leakboard.leaderboard.store.board import version_of
from leakboard.schemas import LeaderboardRow
board, entries, go = map(Path, sys.argv[1:4])
url = sys.argv[4] if len(sys.argv) > 4 else None
rows = [LeaderboardRow.parse(entry, "") for entry in json.loads(entries.read_text())]
print("ready", flush=True)
while not go.exists():
    time.sleep(0.001)
for row in rows:
    Board.open(board, url).add(row)
"""


@pytest.fixture
def rows(make_row: MakeRow) -> list[LeaderboardRow]:
    return [
        make_row(defense, (0.5, 0.4, 0.6), seed=seed, track=track)
        for defense in ("none", "disco")
        for seed in (0, 1)
        for track in Track
    ]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if postgres.programs() is None:
        missing = "there is no PostgreSQL: apt-get install postgresql"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)
    with postgres.cluster() as started:
        yield started


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def url_of(request: pytest.FixtureRequest) -> UrlOf:
    """Where the index of a board is kept: beside it, or in a database of its own."""
    if request.param == "sqlite":
        return lambda folder: None
    started: str = request.getfixturevalue("server")
    return lambda folder: postgres.database(started, folder)


def filled(folder: Path, rows: list[LeaderboardRow], url: str | None = None) -> Board:
    board = Board.open(folder, url)
    for row in rows:
        board.add(row)
    return board


def by_id(rows: list[LeaderboardRow]) -> list[LeaderboardRow]:
    return sorted(rows, key=lambda row: row.entry_id)


def test_what_is_added_is_read_back(
    url_of: UrlOf, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    board = filled(tmp_path, rows, url_of(tmp_path))
    assert by_id(board.rows()) == by_id(rows)
    assert by_id(Board.open(tmp_path, url_of(tmp_path)).rows()) == by_id(rows)


def test_filters_are_the_columns(url_of: UrlOf, tmp_path: Path, rows: list[LeaderboardRow]) -> None:
    board = filled(tmp_path, rows, url_of(tmp_path))
    found = board.rows(track=Track.ATTRIBUTE, defense="disco", seed=1)
    assert [(r.report.track, r.defense, r.seed) for r in found] == [("attribute", "disco", 1)]
    assert len(board.rows(dataset="synthetic", split="test", attack="classifier")) == len(rows)
    assert board.rows(config_id=rows[0].config_id) == board.rows(defense="none")
    assert board.rows(dataset="cifar10") == []


def test_the_oldest_entry_comes_first(url_of: UrlOf, tmp_path: Path, make_row: MakeRow) -> None:
    times = ["2026-03-01T00:00:00Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z"]
    board = filled(
        tmp_path,
        [make_row("none", (0.5, 0.4, 0.6), seed=i, submitted=t) for i, t in enumerate(times)],
        url_of(tmp_path),
    )
    assert [row.submitted for row in board.rows()] == sorted(times)


def test_the_same_attack_on_the_same_release_replaces_its_entry(
    url_of: UrlOf, tmp_path: Path, make_row: MakeRow
) -> None:
    first, again = (make_row("disco", (value, 0.4, 0.6)) for value in (0.45, 0.55))
    assert filled(tmp_path, [first, again], url_of(tmp_path)).rows() == [again]


class TestValues:
    def test_they_are_kept_beside_the_board_and_not_in_it(
        self, tmp_path: Path, make_row: MakeRow
    ) -> None:
        board = Board.open(tmp_path / "board")
        row = make_row("disco", (0.5, 0.4, 0.6), n=4)
        board.add(row, image_values(row, [0, 1, 1, 0]))
        found = board.values(row)
        assert found is not None
        assert found.value.tolist() == [0, 1, 1, 0]
        inside = {path.name for path in board.folder.rglob("*") if path.is_file()}
        assert inside == {f"{row.entry_id}.json", "index.sqlite"}
        assert (tmp_path / "board-withheld" / f"{row.entry_id}.parquet").is_file()

    def test_an_entry_without_them_has_none(self, tmp_path: Path, make_row: MakeRow) -> None:
        board = Board.open(tmp_path / "board")
        row = make_row("disco", (0.5, 0.4, 0.6), n=4)
        board.add(row, image_values(row, [0, 1, 1, 0]))
        board.add(row)
        assert board.values(row) is None

    def test_those_of_another_scoring_are_refused(self, tmp_path: Path, make_row: MakeRow) -> None:
        board = Board.open(tmp_path / "board")
        row = make_row("disco", (0.5, 0.4, 0.6), n=4)
        board.add(row, image_values(row, [1, 1, 1, 0]))
        with pytest.raises(CorruptData, match=r"0\.750000, but the entry says 0\.500000 of 4"):
            board.values(row)


def test_the_index_can_be_lost(tmp_path: Path, rows: list[LeaderboardRow]) -> None:
    filled(tmp_path, rows)
    (tmp_path / "index.sqlite").unlink()
    assert by_id(Board.open(tmp_path).rows()) == by_id(rows)


def test_rebuilding_gives_what_was_there(
    url_of: UrlOf, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    board = filled(tmp_path, rows, url_of(tmp_path))
    before = board.rows()
    board.rebuild()
    assert board.rows() == before


def test_files_that_come_change_or_go_are_noticed(
    url_of: UrlOf, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    here, there = (
        filled(tmp_path / name, part, url_of(tmp_path / name))
        for name, part in (("here", rows[:2]), ("there", rows[2:]))
    )
    for path in (there.folder / "results").iterdir():
        path.rename(here.folder / "results" / path.name)
    assert by_id(Board.open(here.folder, url_of(here.folder)).rows()) == by_id(rows)
    assert Board.open(there.folder, url_of(there.folder)).rows() == []

    verified = rows[0].model_copy(update={"verified": True})
    (here.folder / "results" / f"{verified.entry_id}.json").write_text(verified.to_json())
    assert verified in Board.open(here.folder, url_of(here.folder)).rows()


def test_only_files_that_came_or_changed_are_read(
    url_of: UrlOf, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    """The index has the others: what lies in a file that kept its time is not looked at."""
    url = url_of(tmp_path)
    board = filled(tmp_path, rows[:-1], url)
    known = board.folder / "results" / f"{rows[0].entry_id}.json"
    times = known.stat()
    known.write_text("damaged")
    os.utime(known, ns=(times.st_atime_ns, times.st_mtime_ns))
    (known.parent / f"{rows[-1].entry_id}.json").write_text(rows[-1].to_json())
    assert by_id(Board.open(tmp_path, url).rows()) == by_id(rows)
    with pytest.raises(CorruptData):
        board.rebuild()


def test_a_version_changes_with_every_entry_and_is_the_same_until_then(
    tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    assert version_of(tmp_path / "nowhere") is None
    board = Board.open(tmp_path)
    assert version_of(tmp_path) is None
    versions = []
    for row in (*rows, rows[0]):
        board.add(row)
        versions.append(version_of(tmp_path))
        assert version_of(tmp_path) == versions[-1]
    assert len(set(versions)) == len(rows) + 1


def test_a_url_names_where_the_index_is(tmp_path: Path, rows: list[LeaderboardRow]) -> None:
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite'}"
    Board.open(tmp_path / "board", url).add(rows[0])
    assert Board.open(tmp_path / "board", url).rows() == rows[:1]
    assert not (tmp_path / "board" / "index.sqlite").exists()


@pytest.mark.parametrize(
    ("url", "problem"),
    [("nonsense", "expected the URL of a database"), ("mysql://x/y", "cannot be kept in mysql")],
)
def test_a_url_that_cannot_be_used_says_what_to_give(
    tmp_path: Path, url: str, problem: str
) -> None:
    with pytest.raises(UsageError, match=f"{problem}.*postgresql://USER@HOST/DATABASE"):
        Board.open(tmp_path, url)


@pytest.mark.slow
def test_a_database_that_does_not_answer_is_one_sentence_without_the_password(
    tmp_path: Path,
) -> None:
    with pytest.raises(CorruptData, match="the index cannot be used") as caught:
        Board.open(tmp_path, f"postgresql://me:hunter2@/board?host={tmp_path}")
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)


class TestCommand:
    def test_rebuild_makes_the_index_from_the_files(
        self, url_of: UrlOf, tmp_path: Path, rows: list[LeaderboardRow]
    ) -> None:
        filled(tmp_path, rows)
        url = url_of(tmp_path)
        store = [] if url is None else ["--store", url]
        done = CliRunner().invoke(cli, ["store", "rebuild", "--board", str(tmp_path), *store])
        assert done.exit_code == 0, done.output
        assert f"{len(rows)} entries" in done.output
        assert by_id(Board.open(tmp_path, url).rows()) == by_id(rows)

    def test_what_is_no_board_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        done = CliRunner().invoke(cli, ["store", "rebuild", "--board", str(tmp_path / "none")])
        assert "expected a board" in str(done.exception)
        assert list(tmp_path.iterdir()) == []


def test_an_entry_that_cannot_be_written_is_not_indexed(
    url_of: UrlOf, tmp_path: Path, rows: list[LeaderboardRow]
) -> None:
    board = filled(tmp_path, rows[:1], url_of(tmp_path))
    obstacle = tmp_path / "results" / f"{rows[1].entry_id}.json"
    obstacle.mkdir()
    with pytest.raises(OSError, match=rows[1].entry_id):
        board.add(rows[1])
    assert board.rows() == rows[:1]


def test_a_damaged_result_stops_with_its_name(tmp_path: Path, rows: list[LeaderboardRow]) -> None:
    filled(tmp_path, rows)
    path = tmp_path / "results" / f"{rows[0].entry_id}.json"
    path.write_text(path.read_text()[:-20])
    with pytest.raises(CorruptData, match=path.name):
        Board.open(tmp_path)


def test_a_result_under_another_name_is_refused(tmp_path: Path, rows: list[LeaderboardRow]) -> None:
    filled(tmp_path, rows[:1])
    path = tmp_path / "results" / f"{rows[0].entry_id}.json"
    path.rename(path.with_stem("0" * 16))
    with pytest.raises(SchemaMismatch, match="expected the entry 0000000000000000"):
        Board.open(tmp_path)


def test_a_damaged_index_says_what_to_do(tmp_path: Path, rows: list[LeaderboardRow]) -> None:
    filled(tmp_path, rows)
    (tmp_path / "index.sqlite").write_bytes(b"not a database" * 100)
    with pytest.raises(CorruptData, match="delete it: it is rebuilt"):
        Board.open(tmp_path)


def test_two_processes_writing_at_once_lose_nothing(
    url_of: UrlOf, tmp_path: Path, make_row: MakeRow
) -> None:
    url = url_of(tmp_path)
    shared = [make_row("shared", (0.5, 0.4, 0.6), seed=seed) for seed in range(10)]
    own = {
        writer: [make_row(writer, (0.5, 0.4, 0.6), seed=seed) for seed in range(20)]
        for writer in ("one", "two")
    }
    writers = []
    for name, mine in own.items():
        entries = tmp_path / f"{name}.json"
        entries.write_text("[" + ",".join(row.to_json() for row in [*mine, *shared]) + "]")
        places = [str(tmp_path / "board"), str(entries), str(tmp_path / "go")]
        places += [] if url is None else [url]
        writers.append(
            subprocess.Popen(
                [sys.executable, "-c", WRITER, *places], stdout=subprocess.PIPE, text=True
            )
        )
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    (tmp_path / "go").touch()
    for writer in writers:
        writer.communicate(timeout=120)
        assert writer.returncode == 0

    expected = by_id([*own["one"], *own["two"], *shared])
    board = Board.open(tmp_path / "board", url)
    assert by_id(board.rows()) == expected
    board.rebuild()
    assert by_id(board.rows()) == expected
