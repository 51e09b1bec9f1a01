"""The ledger end to end: prediction files, scored, entered and ranked."""

from pathlib import Path

import numpy as np
import pytest

from leakboard.evaluate import scored
from leakboard.leaderboard import Board, Standing, enter, standings
from leakboard.leaderboard.ranking.estimates import Estimate
from leakboard.schemas import (
    LeaderboardRow,
    PredictionHeader,
    Predictions,
    Release,
    Setting,
    Track,
    answers,
)

from ..tiny import MakeRelease

DEFENSES = ("none", "disco", "random_pruning")
RIGHT = {"none": 1.0, "disco": 0.3, "random_pruning": 0.65}  # share of images that are read


def attack(release: Release, name: str, right: float, path: Path) -> Path:
    """A prediction file that is right on the images that are easiest: the same for all releases."""
    rows = answers(release, "test", None).to_pylist()
    rows = [row for row in rows if row["query"] == 0]
    easy = sorted(range(len(rows)), key=lambda row: rows[row]["input"]["bytes"])
    labels = np.array([row["sensitive"] for row in rows])
    guess = 1 - labels
    known = easy[: round(right * len(rows))]
    guess[known] = labels[known]
    header = PredictionHeader(
        fingerprint=release.manifest.fingerprint,
        split="test",
        track=Track.ATTRIBUTE,
        attack=name,
        setting=Setting.AUXILIARY,
        repeated_queries=True,
        auxiliary_records=release.manifest.splits["auxiliary"].records,
        leakboard_version="0",
    )
    ids = [row["sample_id"] for row in rows]
    Predictions(header, ids, np.eye(2, dtype=np.float32)[guess]).write(path)
    return path


@pytest.fixture
def board(release_of: MakeRelease, tmp_path: Path) -> Board:
    """Three defenses, each attacked once on test."""
    opened = Board.open(tmp_path / "board")
    for defense in DEFENSES:
        submit(opened, release_of(defense), "first", RIGHT[defense])
    return opened


def submit(board: Board, release: Release, name: str, right: float) -> None:
    path = attack(release, name, right, board.folder.parent / f"{name}.parquet")
    result = scored(release, path)
    enter(board.folder, release, result.report, result.values)


def ranked(board: Board) -> dict[str, Standing]:
    placed = standings(board.rows(), Track.ATTRIBUTE, 1.0, values_of=board.values)
    return {standing.defense: standing for standing in placed}


def test_releases_without_a_common_id_are_compared_on_the_same_images(board: Board) -> None:
    kept = [board.values(row) for row in board.rows()]
    images = {tuple(values.image) for values in kept if values}
    subjects = {tuple(values.subject) for values in kept if values}
    assert (len(kept), len(images), len(subjects)) == (3, 1, 3)
    assert {d: str(s.rank) for d, s in ranked(board).items()} == {
        "disco": "1",
        "random_pruning": "2",
        "none": "3",
    }


def test_the_order_of_entries_changes_no_interval(board: Board) -> None:
    def leakage(rows: list[LeaderboardRow]) -> dict[str, Estimate | None]:
        placed = standings(rows, Track.ATTRIBUTE, 1.0, values_of=board.values)
        return {standing.defense: standing.leakage for standing in placed}

    rows = board.rows()
    assert leakage(rows) == leakage(rows[::-1])


def test_a_stronger_file_lowers_the_rank_of_its_defense_and_of_no_other(
    board: Board, release_of: MakeRelease
) -> None:
    before = ranked(board)
    submit(board, release_of("disco"), "stronger", 1.0)
    after = ranked(board)

    def place(standing: Standing) -> tuple[int, int]:
        assert standing.rank is not None
        return standing.rank.best, standing.rank.worst

    assert [name for name in DEFENSES if place(after[name]) > place(before[name])] == ["disco"]
    changed = [name for name in DEFENSES if after[name].leakage != before[name].leakage]
    assert changed == ["disco"]
    assert (before["disco"].attacks, after["disco"].attacks) == (("first",), ("stronger",))
    entered = {row.report.attack: row.submitted for row in board.rows(defense="disco")}
    assert after["disco"].since == entered["stronger"]


def test_a_weaker_file_changes_nothing_but_the_entries(
    board: Board, release_of: MakeRelease
) -> None:
    before = ranked(board)
    submit(board, release_of("disco"), "weaker", 0.1)
    after = ranked(board)
    for name in DEFENSES:
        assert after[name].leakage == before[name].leakage
        assert after[name].rank == before[name].rank
        assert after[name].attacks == ("first",)
