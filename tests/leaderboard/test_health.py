"""Flags that need the rest of the board: an attack too weak to say anything."""

from collections.abc import Callable

from leakboard.leaderboard import standings
from leakboard.leaderboard.ranking.health import flags
from leakboard.schemas import LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]


def around(value: float) -> tuple[float, float, float]:
    return value, value - 0.01, value + 0.01


def flagged(rows: list[LeaderboardRow]) -> list[str]:
    return [row.report.attack for row in rows if flags(rows)[row.entry_id]]


def test_less_than_three_quarters_of_what_the_images_give(make_row: MakeRow) -> None:
    rows = [
        make_row("none", around(0.80), attack="raw_image_classifier", ceiling=True),
        make_row("none", around(0.61), attack="sound"),
        make_row("none", around(0.59), attack="weak"),
    ]
    assert flagged(rows) == ["weak"]
    (flag,) = flags(rows)[rows[2].entry_id]
    assert flag == (
        "attack too weak: undefended it reads 0.590, less than 0.75 of the 0.800 that the raw "
        "images give to the same budget"
    )


def test_a_weak_attack_says_nothing_of_a_defense_either(make_row: MakeRow) -> None:
    rows = [
        make_row("none", around(0.80), attack="raw_image_classifier", ceiling=True),
        make_row("none", around(0.59), attack="weak"),
        make_row("disco", around(0.30), attack="weak"),
        make_row("disco", around(0.20), attack="other"),
    ]
    assert flagged(rows) == ["weak", "weak"]
    disco = next(s for s in standings(rows, Track.ATTRIBUTE) if s.defense == "disco")
    assert "attack too weak" in disco.flags[0]


def test_only_the_same_budget_on_the_same_release_is_compared(make_row: MakeRow) -> None:
    ceiling = make_row("none", around(0.8), attack="raw_image_classifier", ceiling=True)
    rows = [
        ceiling,
        make_row("none", around(0.5), attack="fewer records", budget=100),
        make_row("none", around(0.5), attack="another seed", seed=1),
        make_row("none", around(0.5), attack="pixels", track=Track.RECONSTRUCTION),
        make_row("none", around(0.1), attack="prior"),
    ]
    assert flagged(rows) == []


def test_what_the_scorer_found_is_kept(make_row: MakeRow) -> None:
    row = make_row("none", around(0.5), flags=["attack below a trivial anchor"])
    assert flags([row]) == {row.entry_id: ("attack below a trivial anchor",)}
