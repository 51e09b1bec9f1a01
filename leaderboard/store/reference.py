"""The reference results: the board that the pages show where there is no other. It is only read."""

import atexit
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from ...schemas import LeaderboardRow
from ..text import plain
from .board import Board

FOLDER = Path(__file__).parents[1] / "reference_board"  # the repository's docs/results/board
OWN = (
    "For a board of your own: `leakboard demo --serve`, or "
    "`leakboard score RELEASE FILE --board board`, then `leakboard serve`."
)


@cache
def reference() -> Board:
    """Open the reference results, whose index lies in a folder that ends with this process."""
    folder = TemporaryDirectory(prefix="leakboard-")
    atexit.register(folder.cleanup)
    return Board.open(FOLDER, f"sqlite:///{folder.name}/index.sqlite")


def described(rows: Sequence[LeaderboardRow]) -> str:
    """What the reference results are, and how to get other ones, as Markdown."""
    datasets = ", ".join(sorted({plain(row.dataset) for row in rows}))
    scales = " and ".join(sorted({row.scale for row in rows}, reverse=True))
    measured = f"what we measured, on {datasets}, at {scales} scale; only shown"
    return f"**Reference results**: {measured}. {OWN}"
