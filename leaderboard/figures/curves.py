"""Curves of the board: estimates with their intervals against an option, a budget or a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from ..ranking.estimates import Estimate
from .figure import COLOURS, GREY, SHAPES, bottom_legend, legend_height

HEIGHT = 360  # pixels, and of each line of a ladder
LINE = 34
AROUND = 110  # axis and margins of a ladder


@dataclass(frozen=True)
class Point:
    """An estimate at x, one of a series."""

    series: str
    x: Any
    y: Estimate


def numeric_options(configurations: Sequence[Mapping[str, Any]]) -> list[str]:
    """The options that are numbers and differ between the configurations.

    >>> numeric_options([{"ratio": 0.5, "mode": "input"}, {"ratio": 0.9, "mode": "input"}])
    ['ratio']
    """
    found: dict[str, set[float]] = {}
    for options in configurations:
        for name, value in options.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.setdefault(name, set()).add(value)
    return sorted(name for name, values in found.items() if len(values) > 1)


def curve(
    points: Sequence[Point],
    x_title: str,
    y_title: str,
    scale: Literal["linear", "log", "utc"] = "linear",
    steps: bool = False,
) -> alt.LayerChart:
    """Draw a line for each series through its points, each with its interval.

    `steps` holds a value until the next one. On a logarithmic scale x is above 0.
    """
    names = list(dict.fromkeys(point.series for point in points))
    kind = "T" if scale == "utc" else "Q"
    axis = alt.Scale(type=scale, zero=False, nice=False, padding=24)
    base = _chart(points).encode(
        x=alt.X(f"x:{kind}", title=x_title, scale=axis),
        y=alt.Y("value:Q", title=y_title, scale=alt.Scale(zero=False, padding=24)),
        color=_colour(names),
        tooltip=[alt.Tooltip("series:N"), alt.Tooltip("text:N", title=y_title)],
    )
    line = base.mark_line(interpolate="step-after" if steps else "linear")
    layers = [
        line,
        base.mark_rule(strokeWidth=1.5).encode(y="low:Q", y2="high:Q"),
        base.mark_point(size=70, filled=True, opacity=1).encode(shape=_shape(names)),
    ]
    return alt.LayerChart(layer=layers).properties(height=HEIGHT + legend_height(len(names)))


def ladder(points: Sequence[Point], y_title: str) -> alt.LayerChart:
    """Draw a line of its own for each x, in the order given, with a point for each series."""
    names = list(dict.fromkeys(point.series for point in points))
    order = list(dict.fromkeys(point.x for point in points))
    scale = alt.Scale(zero=False, nice=False, padding=24)
    base = _chart(points).encode(
        y=alt.Y("x:N", title=None, sort=order, axis=alt.Axis(labelLimit=220)),
        yOffset=alt.YOffset("series:N", sort=names),
        color=_colour(names),
        tooltip=[alt.Tooltip("series:N"), alt.Tooltip("x:N"), alt.Tooltip("text:N", title=y_title)],
    )
    value = alt.X("value:Q", title=y_title, scale=scale, axis=alt.Axis(tickCount=6))
    layers = [
        base.mark_rule(strokeWidth=1.5).encode(x=alt.X("low:Q", title=y_title), x2="high:Q"),
        base.mark_point(size=70, filled=True, opacity=1).encode(x=value, shape=_shape(names)),
    ]
    height = LINE * len(order) + legend_height(len(names)) + AROUND
    return alt.LayerChart(layer=layers).properties(height=height)


def _chart(points: Sequence[Point]) -> alt.Chart:
    values = [
        {
            "series": point.series,
            "x": point.x,
            "value": point.y.value,
            "low": point.y.low,
            "high": point.y.high,
            "text": str(point.y),
        }
        for point in points
    ]
    return alt.Chart(alt.InlineData(values=values))


def _legend(names: Sequence[str]) -> alt.Legend | None:
    return bottom_legend(len(names)) if len(names) > 1 else None


def _colour(names: Sequence[str]) -> alt.Color:
    colours = [COLOURS[number % len(COLOURS)] for number in range(len(names))]
    scale = alt.Scale(domain=names, range=colours)
    return alt.Color("series:N", title=None, scale=scale, legend=_legend(names))


def _shape(names: Sequence[str]) -> alt.Shape:
    shapes = [SHAPES[number % len(SHAPES)] for number in range(len(names))]
    scale = alt.Scale(domain=names, range=shapes)
    return alt.Shape("series:N", title=None, scale=scale, legend=_legend(names))


def bars(counts: Sequence[tuple[float, float, int]], x_title: str, y_title: str) -> alt.LayerChart:
    """Draw a histogram: each bar from a low end to a high end, with a rule at zero."""
    values = [{"low": low, "high": high, "count": count} for low, high, count in counts]
    bar = alt.Chart(alt.InlineData(values=values)).mark_bar(color=COLOURS[0])
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=GREY)
    layers = [
        bar.encode(
            x=alt.X("low:Q", title=x_title),
            x2="high:Q",
            y=alt.Y("count:Q", title=y_title),
            y2=alt.datum(0),
            tooltip=[alt.Tooltip(f"{field}:Q") for field in ("low", "high", "count")],
        ),
        zero.encode(x="zero:Q"),
    ]
    return alt.LayerChart(layer=layers).properties(height=HEIGHT)
