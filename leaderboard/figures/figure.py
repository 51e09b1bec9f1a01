"""Figures of the board: utility against worst-case leakage."""

import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any, Literal

import altair as alt

from ...schemas import Track
from ..ranking.standing import Standing
from ..tables.standings import anchor_label
from ..tables.table import MEASURE

# After Okabe and Ito: told apart whatever one's colour vision, and readable on white and on black.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
Figure = dict[str, Any]
GREY = "#808080"
HEIGHT = 480  # pixels, and what each line of the legend adds
LEGEND_LINE = 21
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
    return figure


def trade_off(standings: Sequence[Standing], track: Track) -> alt.LayerChart:
    """Plot every attacked configuration with its intervals, over rules for the anchors.

    Low and to the right is better: little leaks and the task still works. Filled points are
    ranked, hollow ones are not.
    """
    attacked = [standing for standing in standings if standing.leakage]
    names = list(dict.fromkeys(standing.name for standing in attacked))
    colour, shape = _scales(names)
    legend = bottom_legend(len(names))
    axis = alt.Axis(tickCount=8)
    points = alt.Chart(alt.InlineData(values=[_point(standing) for standing in attacked])).encode(
        x=alt.X("utility:Q", title="Utility ↑ (task accuracy)", scale=_close(), axis=axis),
        y=alt.Y("leakage:Q", title=f"Worst-case leakage ↓ ({MEASURE[track]})", scale=_close()),
        color=alt.Color("name:N", title="Defense", scale=colour, legend=legend),
        tooltip=[alt.Tooltip(f"{field}:N", title=title) for field, title in TOOLTIP.items()],
    )
    layers = [
        *_anchors(attacked),
        points.mark_rule(strokeWidth=1.5).encode(x="utility_low:Q", x2="utility_high:Q"),
        points.mark_rule(strokeWidth=1.5).encode(y="leakage_low:Q", y2="leakage_high:Q"),
        points.mark_point(size=90, strokeWidth=2, opacity=1).encode(
            shape=alt.Shape("name:N", title="Defense", scale=shape, legend=legend),
            fill=alt.Fill("name:N", title="Defense", scale=colour, legend=legend),
            fillOpacity=alt.condition("datum.ranked", alt.value(1), alt.value(0)),
        ),
    ]
    return alt.LayerChart(layer=layers).properties(height=HEIGHT + legend_height(len(names)))


def bottom_legend(names: int) -> alt.Legend:
    """A legend under the figure, of all names: each on a line of its own where they are few."""
    return alt.Legend(
        orient="bottom", columns=_columns(names), rowPadding=3, labelLimit=0, symbolLimit=0
    )


def legend_height(names: int) -> int:
    """What the lines of the legend add to a figure's height, in pixels."""
    return LEGEND_LINE * math.ceil(names / _columns(names))


def _columns(names: int) -> int:
    return 1 if names <= FEW else 3


def _scales(names: Sequence[str]) -> tuple[alt.Scale, alt.Scale]:
    """Colours and shapes by name; no pair of the two repeats among the first 36 names."""
    numbers = range(len(names))
    colours = [COLOURS[number % len(COLOURS)] for number in numbers]
    shapes = [SHAPES[(number + number // len(COLOURS)) % len(SHAPES)] for number in numbers]
    return alt.Scale(domain=names, range=colours), alt.Scale(domain=names, range=shapes)


def _close() -> alt.Scale:
    return alt.Scale(zero=False, nice=False, padding=PADDING)


def _point(standing: Standing) -> dict[str, Any]:
    utility, leakage = standing.utility, standing.leakage
    assert leakage is not None
    return {
        "name": standing.name,
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


def _anchors(attacked: Sequence[Standing]) -> list[alt.Chart]:
    """Draw a labelled rule for each anchor, at its mean over the configurations."""
    found = defaultdict(list)
    for standing in attacked:
        for name, estimate in standing.anchors.items():
            found[name].append(estimate.value)
    means = sorted((fmean(values), anchor_label(name)) for name, values in found.items())
    values = [{"anchor": name, "value": value} for value, name in means]
    rules = alt.Chart(alt.InlineData(values=values)).mark_rule(color=GREY, strokeDash=[5, 4])
    # Labels alternate between the two ends, so that neighbours do not cover each other.
    return [
        rules.encode(y="value:Q"),
        _anchor_labels(values[0::2], x=4, align="left"),
        _anchor_labels(values[1::2], x="width", align="right"),
    ]


def _anchor_labels(
    values: Sequence[dict[str, Any]], x: float | str, align: Literal["left", "right"]
) -> alt.Chart:
    labels = alt.Chart(alt.InlineData(values=list(values))).encode(y="value:Q", text="anchor:N")
    marks = labels.mark_text(color=GREY, align=align, baseline="bottom", dy=-2)
    placed: alt.Chart = marks.encode(x=alt.value(x))
    return placed
