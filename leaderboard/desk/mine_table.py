"""Columns of the tables about one's own submissions."""

from ...schemas import Score
from ..ranking.estimates import Estimate
from ..tables.table import INTERVAL, LEAKS_MORE, Column
from .mine import Line, Mine

MINE_COLUMNS: tuple[Column[Mine], ...] = (
    Column("Name", "What the entry is called.", lambda mine: mine.name),
    Column("Track", "What the attack is after.", lambda mine: mine.track),
    Column("Release", "What was attacked, with the start of its fingerprint.", lambda m: m.release),
    Column("Split", "The images that it is scored on.", lambda mine: mine.split),
    Column("Received", "Time in UTC.", lambda mine: mine.received),
    Column("State", "Where it is on its way.", lambda mine: str(mine.state)),
    Column(
        "Position",
        "How many wait, up to and with this one; empty once a worker has taken it.",
        lambda mine: mine.position,
    ),
    Column(
        "Shown",
        "Private: its score is shown to you alone.",
        lambda mine: mine.audience,
    ),
    Column("Submission", "Its id.", lambda mine: mine.id),
)
LINE_COLUMNS: tuple[Column[Line], ...] = (
    Column("Time", "In UTC.", lambda line: line.time),
    Column("State", "What it became.", lambda line: str(line.state)),
    Column("Message", "Why, or what is next.", lambda line: line.message, True),
)
SCORE_COLUMNS: tuple[Column[tuple[str, Score]], ...] = (
    Column("Metric", "What was measured.", lambda one: one[0]),
    Column("Score", INTERVAL, lambda one: Estimate.of(one[1])),
    Column("Direction", "Which way leaks more.", lambda one: LEAKS_MORE[one[1].direction]),
)
