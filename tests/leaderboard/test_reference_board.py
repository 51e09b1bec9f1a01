"""The board that comes with the repository: what we measured ourselves."""

import shutil
from pathlib import Path

from leakboard.leaderboard import Board
from leakboard.leaderboard.store.reference import FOLDER

from ..sources import ROOT

REFERENCE = ROOT / "docs" / "results" / "board"


def test_the_package_holds_the_committed_results() -> None:
    assert FOLDER.resolve() == REFERENCE


def test_the_committed_results_are_a_board(tmp_path: Path) -> None:
    board = Board.open(Path(shutil.copytree(REFERENCE, tmp_path / "board")))
    rows = board.rows()
    assert len(rows) == len(list((REFERENCE / "results").glob("*.json")))
    assert {row.report.split for row in rows} == {"validation", "test"}
    assert {row.defense for row in rows} >= {"none", "disco"}


def test_what_each_image_contributed_is_not_published() -> None:
    """Not on a board. The cells of the tables are made with a published secret and hide nothing."""
    assert not list(REFERENCE.rglob("*.parquet"))
