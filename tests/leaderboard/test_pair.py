"""Two entries on the same images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leakboard.leaderboard import Board
from leakboard.leaderboard.ranking.pair import Pair, histogram, pair, verdict
from leakboard.schemas import LeaderboardRow
from leakboard.schemas.resampling import paired_difference

from .conftest import image_values

MakeRow = Callable[..., LeaderboardRow]


def entered(
    board: Board, make_row: MakeRow, attack: str, right: list[float], images: str = ""
) -> LeaderboardRow:
    mean = float(np.mean(right))
    row = make_row("disco", (mean, mean - 0.2, mean + 0.2), attack=attack, n=len(right))
    board.add(row, image_values(row, right, images))
    return row


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board.open(tmp_path / "board")


def test_a_pair_is_the_paired_test_on_the_same_images(board: Board, make_row: MakeRow) -> None:
    random = np.random.default_rng(0)
    values = [(random.random(200) < share).astype(float).tolist() for share in (0.8, 0.4)]
    one, other = (entered(board, make_row, f"a{i}", v) for i, v in enumerate(values))
    found = pair(one, other, board.values)
    assert isinstance(found, Pair)
    first, second = (np.asarray([part]) for part in values)
    subjects = np.repeat(np.arange(100), 2)
    assert found.difference == paired_difference(first, second, subjects)
    assert sum(found.counts.values()) == 200
    assert not found.tied
    assert "The first reads more" in verdict(one, other, found)
    assert "The second reads more" in verdict(other, one, pair(other, one, board.values))


def test_an_entry_is_tied_with_itself(board: Board, make_row: MakeRow) -> None:
    row = entered(board, make_row, "a", [0, 1, 1, 0, 1, 1])
    found = pair(row, row, board.values)
    assert isinstance(found, Pair)
    assert found.tied
    assert found.counts["both read the same"] == 6


def test_without_values_the_intervals_are_all_there_is(board: Board, make_row: MakeRow) -> None:
    kept = entered(board, make_row, "kept", [0, 1, 1, 0])
    bare = make_row("disco", (0.9, 0.85, 0.95), attack="bare")
    board.add(bare)
    found = pair(kept, bare, board.values)
    assert isinstance(found, str)
    assert bare.entry_id in found
    assert kept.entry_id not in found
    assert "do not overlap" in verdict(kept, bare, found)


def test_other_images_are_not_paired(board: Board, make_row: MakeRow) -> None:
    one = entered(board, make_row, "a", [0, 1, 1, 0])
    other = entered(board, make_row, "b", [0, 1, 1, 0], images="other ")
    assert pair(one, other, board.values) == "the two were not scored on the same images"


def test_a_histogram_counts_every_image_and_has_zero_in_the_middle() -> None:
    gaps = np.random.default_rng(1).normal(size=500)
    bins = histogram(gaps)
    assert sum(count for _, _, count in bins) == 500
    low, high, _ = bins[len(bins) // 2]
    assert low < 0 < high
    assert low == pytest.approx(-high)
    assert sum(count for _, _, count in histogram(np.zeros(7))) == 7
