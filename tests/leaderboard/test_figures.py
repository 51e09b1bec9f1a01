from collections.abc import Callable
from typing import Any

import altair as alt
import pytest

from leakboard.leaderboard import standings
from leakboard.leaderboard.figures.figure import trade_off
from leakboard.schemas import LeaderboardRow, Track

MakeRow = Callable[..., LeaderboardRow]


def drawn(rows: list[LeaderboardRow]) -> dict[str, Any]:
    """The figure as plain Vega-Lite, checked against its schema."""
    figure = trade_off(standings(rows, Track.ATTRIBUTE), Track.ATTRIBUTE)
    data = {name: content.to_pylist() for name, content in figure["datasets"].items()}
    spelled_out: dict[str, Any] = alt.LayerChart.from_dict(figure | {"datasets": data}).to_dict()
    return spelled_out


def values(figure: dict[str, Any], field: str) -> list[dict[str, Any]]:
    """The distinct data that have `field`."""
    found: list[dict[str, Any]] = []
    for points in figure["datasets"].values():
        found += [point for point in points if field in point and point not in found]
    return found


def board(make_row: MakeRow) -> list[LeaderboardRow]:
    anchors = {"majority": (0.2, 0.19, 0.21), "task_output": (0.25, 0.24, 0.26)}
    return [
        make_row("none", (0.8, 0.78, 0.82), anchors=anchors),
        make_row("disco", (0.5, 0.48, 0.52), (0.89, 0.87, 0.91), anchors=anchors),
        make_row("noise", (0.3, 0.28, 0.32), (0.6, 0.58, 0.62), anchors=anchors),
        make_row("pruning", (0.3, 0.28, 0.32), track=Track.RECONSTRUCTION),
    ]


def test_every_attacked_defense_is_a_point_with_both_intervals(make_row: MakeRow) -> None:
    points = {point["name"]: point for point in values(drawn(board(make_row)), "name")}
    assert set(points) == {"none", "disco", "noise"}
    disco = points["disco"]
    assert (disco["utility_low"], disco["utility"], disco["utility_high"]) == (0.87, 0.89, 0.91)
    assert (disco["leakage_low"], disco["leakage"], disco["leakage_high"]) == (0.48, 0.5, 0.52)


def test_only_ranked_points_are_filled(make_row: MakeRow) -> None:
    points = values(drawn(board(make_row)), "name")
    assert {p["name"]: p["ranked"] for p in points} == {"none": True, "disco": True, "noise": False}


def test_anchors_are_labelled_once_each(make_row: MakeRow) -> None:
    anchors = values(drawn(board(make_row)), "anchor")
    expected = {"majority": 0.2, "task output": 0.25}
    assert {a["anchor"]: a["value"] for a in anchors} == pytest.approx(expected)


def test_axes_say_what_they_measure_and_which_way_is_better(make_row: MakeRow) -> None:
    titles = {
        layer["encoding"][axis]["title"]
        for layer in drawn(board(make_row))["layer"]
        for axis in "xy"
        if "title" in layer["encoding"].get(axis, {})
    }
    assert titles == {
        "Utility ↑ (task accuracy)",
        "Worst-case leakage ↓ (top-1 accuracy)",
    }


def test_36_defenses_are_told_apart_by_colour_and_shape(make_row: MakeRow) -> None:
    rows = [make_row(f"defense {number}", (0.5, 0.4, 0.6)) for number in range(36)]
    marks = [layer for layer in drawn(rows)["layer"] if "shape" in layer["encoding"]]
    (points,) = marks
    colours, shapes = (points["encoding"][c]["scale"]["range"] for c in ("stroke", "shape"))
    assert len(set(zip(colours, shapes, strict=True))) == 36


def test_the_description_is_the_same_whatever_it_shows(make_row: MakeRow) -> None:
    """So that a browser which has the figure open only exchanges its data."""
    some, others = (
        trade_off(standings(rows, Track.ATTRIBUTE), Track.ATTRIBUTE)
        for rows in (board(make_row), [make_row(name, (0.5, 0.4, 0.6)) for name in "abc"])
    )
    assert some["datasets"] != others["datasets"]
    assert some | {"datasets": {}} == others | {"datasets": {}}
