"""Floors on the board: beside the record, below it in words, and only where they were measured."""

import math

import pytest

from leakboard.leaderboard.ranking.health import flags
from leakboard.leaderboard.ranking.rules import standings
from leakboard.leaderboard.ranking.standing import Group
from leakboard.leaderboard.tables.entries import entry_columns
from leakboard.leaderboard.tables.standings import standing_columns
from leakboard.leaderboard.tables.table import beside, table
from leakboard.schemas import LeaderboardRow, Track
from leakboard.schemas.floors import BesideFloor, Level

from .conftest import MakeRow

ALARM = "attack below the hcr floor"


def floor(ratio: float, bound: str = "hcr", value: float = 40.0) -> BesideFloor:
    return BesideFloor(
        bound=bound,
        repeated=False,
        floor=Level(value=value, low=value - 5, high=math.inf),
        error=Level(value=20.0, low=18.0, high=23.0),
        ratio=Level(value=ratio, low=ratio / 2, high=ratio * 1.1),
        n=64,
    )


def attacked(
    make_row: MakeRow, *floors: BesideFloor, seed: int = 0, alarm: bool = False
) -> LeaderboardRow:
    """An entry of the reconstruction track whose report has these floors."""
    row = make_row(
        "gaussian_noise",
        (0.5, 0.4, 0.6),
        seed=seed,
        track=Track.RECONSTRUCTION,
        flags=(ALARM,) if alarm else (),
    )
    report = row.report.model_copy(update={"floors": floors})
    return row.model_copy(update={"report": report})


def ranking(rows: list[LeaderboardRow]) -> dict[str, list[object]]:
    placed = standings(rows, Track.RECONSTRUCTION)
    columns = standing_columns(Group.of(rows[0]), Track.RECONSTRUCTION, placed)
    shown: dict[str, list[object]] = table(columns, placed).to_pydict()
    return shown


def test_the_record_stands_beside_its_floors(make_row: MakeRow) -> None:
    row = attacked(make_row, floor(0.25), floor(4.0, "fisher", 10.0), alarm=True)
    shown = ranking([row])
    assert shown["Error beside floor"] == [
        "20 [18, 23], below hcr 40 [35, inf] n=64; 20 [18, 23], not below fisher 10 [5, inf] n=64"
    ]
    assert ALARM in str(shown["Notes"][0])
    entries = table(entry_columns([row], flags([row])), [row]).to_pydict()
    assert entries["Error beside floor"] == shown["Error beside floor"]
    assert entries["Flags"] == [ALARM]


def test_over_seeds_the_one_nearest_to_its_floor_is_shown(make_row: MakeRow) -> None:
    rows = [attacked(make_row, floor(ratio), seed=seed) for seed, ratio in enumerate((3, 0.5, 2))]
    (standing,) = standings(rows, Track.RECONSTRUCTION)
    assert standing.floors == rows[1].report.floors


def test_what_was_not_measured_has_no_column_and_no_alarm(make_row: MakeRow) -> None:
    row = attacked(make_row)
    assert "Error beside floor" not in ranking([row])
    assert "Error beside floor" not in table(entry_columns([row], flags([row])), [row]).column_names
    assert beside(()) is None
    mixed = ranking([row, attacked(make_row, floor(0.5), seed=1)])
    assert mixed["Error beside floor"] == [beside((floor(0.5),))]


@pytest.mark.parametrize(("ratio", "below"), [(0.9, True), (0.95, False), (1.2, False)])
def test_below_is_beyond_chance(ratio: float, below: bool) -> None:
    """The whole interval of the ratio lies below 1; here its upper end is 1.1 times the value."""
    assert floor(ratio).beaten == below
