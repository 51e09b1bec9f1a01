"""Figures of the board: utility against worst-case leakage."""

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from statistics import fmean
from typing import Any, Literal

import altair as alt
import pyarrow as pa

from ...schemas import Track
from ..ranking.standing import Standing
from ..tables.standings import anchor_label
from ..tables.table import MEASURE

# After Okabe and Ito: told apart whatever one's colour vision, and readable on white and on black.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
PAIRS = len(COLOURS) * len(SHAPES)  # of a colour and a shape
Figure = dict[str, Any]  # a Vega-Lite specification; its datasets are Arrow tables
STANDINGS, ANCHORS = "standings", "anchors"  # datasets of the figure of the overview
GREY = "#808080"
HEIGHT = 480  # pixels, and what each line of the legend adds
LEGEND_LINE = 29
FEW = 12  # names that have a line of the legend each
PADDING = 24  # pixels between the outermost mark and the frame
TOOLTIP = {
    "name": "Defense",
    "utility_text": "Utility ↑",
    "leakage_text": "Worst-case leakage ↓",
    "attack": "Strongest attack",
    "rank": "Rank",
}


def drawn(chart: alt.LayerChart) -> Figure:
    """The Vega-Lite specification of a figure, which a page or a file is drawn from.

    It is described as a whole, by the page, and not mark by mark. It is not validated here, which
    would take longer than all else: the tests do that.
    """
    silent = {"aria": False}
    figure: Figure = chart.configure(mark=silent, axis=silent, legend=silent).to_dict(
        validate=False
    )
    tables = {n: pa.Table.from_pylist(rows) for n, rows in figure.get("datasets", {}).items()}
    return figure | {"datasets": tables}


def trade_off(standings: Sequence[Standing], track: Track) -> Figure:
    """Plot every attacked configuration with its intervals, over rules for the anchors.

    Low and to the right is better: little leaks and the task still works. Filled points are
    ranked, hollow ones are not.
    """
    attacked = [standing for standing in standings if standing.leakage]
    names = list(dict.fromkeys(standing.name for standing in attacked))
    place = {name: number for number, name in enumerate(names)}
    points = [_point(standing, place[standing.name]) for standing in attacked]
    data = {STANDINGS: pa.Table.from_pylist(points), ANCHORS: _anchors(attacked)}
    return _trade_off(track, _columns(len(names)), legend_height(len(names))) | {"datasets": data}


@cache
def _trade_off(track: Track, legend_columns: int, legend: int) -> Figure:
    """The figure without its data: a browser that has it open only exchanges these."""
    colour, shape = _scales()
    symbols = _legend(legend_columns)
    order = alt.EncodingSortField("place", op="min")
    axis = alt.Axis(tickCount=8)
    points = alt.Chart(alt.NamedData(STANDINGS)).encode(
        x=alt.X("utility:Q", title="Utility ↑ (task accuracy)", scale=_close(), axis=axis),
        y=alt.Y("leakage:Q", title=f"Worst-case leakage ↓ ({MEASURE[track]})", scale=_close()),
        tooltip=[alt.Tooltip(f"{field}:N", title=title) for field, title in TOOLTIP.items()],
    )
    # A scale of several layers has no legend in common with those of one: rules name their colour.
    rules = points.mark_rule(strokeWidth=1.5).encode(color=alt.Color("colour:N", scale=None))
    layers = [
        *_anchor_layers(),
        rules.encode(x="utility_low:Q", x2="utility_high:Q"),
        rules.encode(y="leakage_low:Q", y2="leakage_high:Q"),
        points.mark_point(size=90, strokeWidth=2, opacity=1).encode(
            shape=alt.Shape("name:N", title="Defense", sort=order, scale=shape, legend=symbols),
            stroke=alt.Stroke("name:N", title="Defense", sort=order, scale=colour, legend=symbols),
            fill=alt.Fill("name:N", title="Defense", sort=order, scale=colour, legend=symbols),
            fillOpacity=alt.condition("datum.ranked", alt.value(1), alt.value(0)),
        ),
    ]
    return drawn(alt.LayerChart(layer=layers).properties(height=HEIGHT + legend))


def bottom_legend(names: int) -> alt.Legend:
    """A legend under the figure, of all names: each on a line of its own where they are few."""
    return _legend(_columns(names))


def _legend(columns: int) -> alt.Legend:
    return alt.Legend(orient="bottom", columns=columns, rowPadding=3, labelLimit=0, symbolLimit=0)


def legend_height(names: int) -> int:
    """What the lines of the legend add to a figure's height, in pixels."""
    return LEGEND_LINE * math.ceil(names / _columns(names))


def _columns(names: int) -> int:
    return 1 if names <= FEW else 3


def _scales() -> tuple[alt.Scale, alt.Scale]:
    """Colours and shapes, given out in the order of the names: no pair of the two comes twice."""
    numbers = range(PAIRS)
    colours = [COLOURS[number % len(COLOURS)] for number in numbers]
    shapes = [SHAPES[(number + number // len(COLOURS)) % len(SHAPES)] for number in numbers]
    return alt.Scale(range=colours), alt.Scale(range=shapes)


def _close() -> alt.Scale:
    return alt.Scale(zero=False, nice=False, padding=PADDING)


def _point(standing: Standing, place: int) -> dict[str, Any]:
    utility, leakage = standing.utility, standing.leakage
    assert leakage is not None
    return {
        "name": standing.name,
        "place": place,
        "colour": COLOURS[place % len(COLOURS)],
        "utility": utility.value,
        "utility_low": utility.low,
        "utility_high": utility.high,
        "utility_text": str(utility),
        "leakage": leakage.value,
        "leakage_low": leakage.low,
        "leakage_high": leakage.high,
        "leakage_text": str(leakage),
        "attack": ", ".join(standing.attacks),
        "ranked": standing.rank is not None,
        "rank": str(standing.rank or standing.unranked),
    }


def _anchors(attacked: Sequence[Standing]) -> pa.Table:
    """Each anchor at its mean over the configurations, and at which end its label is."""
    found = defaultdict(list)
    for standing in attacked:
        for name, estimate in standing.anchors.items():
            found[name].append(estimate.value)
    means = sorted((fmean(values), anchor_label(name)) for name, values in found.items())
    return pa.table(
        {
            "anchor": [name for _, name in means],
            "value": [value for value, _ in means],
            # Labels alternate between the two ends, so that neighbours do not cover each other.
            "left": [place % 2 == 0 for place in range(len(means))],
        }
    )


def _anchor_layers() -> list[alt.Chart]:
    """A labelled rule for each anchor."""
    anchors = alt.Chart(alt.NamedData(ANCHORS)).encode(y="value:Q")
    return [
        anchors.mark_rule(color=GREY, strokeDash=[5, 4]),
        _anchor_labels(anchors, "datum.left", x=4, align="left"),
        _anchor_labels(anchors, "!datum.left", x="width", align="right"),
    ]


def _anchor_labels(
    anchors: alt.Chart, which: str, x: float | str, align: Literal["left", "right"]
) -> alt.Chart:
    labels = anchors.transform_filter(which)
    marks = labels.mark_text(color=GREY, align=align, baseline="bottom", dy=-2)
    placed: alt.Chart = marks.encode(x=alt.value(x), text="anchor:N")
    return placed
