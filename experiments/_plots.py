"""Leakage against utility, or along a series: one panel per block, as SVG."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import vl_convert

from ._rows import Line

WIDTH, HEIGHT = 320, 260
Panel = tuple[str, Sequence[Line]]


def draw(measure: str, titles: Mapping[str, str], panels: Sequence[Panel]) -> str:
    """Draw every row that has a number, with its interval; SVG. Empty panels are left out."""
    drawn = [panel for panel in panels if any(line.numbers for line in panel[1])]
    charts = [
        _series(measure, titles, *panel)
        if any(line.x is not None for line in panel[1])
        else _trade_off(measure, titles, *panel)
        for panel in drawn or panels
    ]
    chart = alt.hconcat(*charts).configure_view(stroke=None)
    svg: str = vl_convert.vegalite_to_svg(chart.to_json())
    return svg


def _points(measure: str, lines: Sequence[Line]) -> list[dict[str, Any]]:
    return [
        {
            "defense": line.method.partition(", ")[0],
            "setting": line.method.partition(", ")[2],
            "x": line.x,
            **{f"leak_{end}": value for end, value in line.numbers[measure].model_dump().items()},
            **{f"util_{end}": value for end, value in line.numbers["utility"].model_dump().items()},
        }
        for line in lines
        if line.numbers
    ]


def _base(measure: str, lines: Sequence[Line]) -> alt.Chart:
    legend = alt.Legend(orient="bottom", columns=2, labelLimit=300)
    colour = alt.Color("defense:N", title=None, legend=legend)
    data = alt.InlineData(values=_points(measure, lines))
    return alt.Chart(data).encode(color=colour)


def _trade_off(
    measure: str, titles: Mapping[str, str], title: str, lines: Sequence[Line]
) -> alt.LayerChart:
    free = alt.Scale(zero=False)
    x = alt.X("leak_value:Q", title=titles[measure], scale=free)
    y = alt.Y("util_value:Q", title=titles["utility"], scale=free)
    base = _base(measure, lines)
    across = base.mark_rule().encode(x=alt.X("leak_low:Q", scale=free), x2="leak_high:Q", y=y)
    up = base.mark_rule().encode(x=x, y=alt.Y("util_low:Q", scale=free), y2="util_high:Q")
    points = base.mark_point(filled=True, size=50).encode(x=x, y=y)
    beside = base.mark_text(align="left", dx=6, dy=-6, fontSize=9)
    settings = beside.encode(x=x, y=y, text="setting:N")
    layers = [across, up, points, settings]
    return alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT, title=title)


def _series(
    measure: str, titles: Mapping[str, str], title: str, lines: Sequence[Line]
) -> alt.LayerChart:
    free = alt.Scale(zero=False)
    x = alt.X("x:O", title="block after which the network is split")
    base = _base(measure, lines).encode(x=x)
    bars = base.mark_rule().encode(y=alt.Y("leak_low:Q", scale=free), y2="leak_high:Q")
    value = alt.Y("leak_value:Q", title=titles[measure], scale=free)
    values = base.mark_line(point=True).encode(y=value)
    return alt.LayerChart(layer=[bars, values], width=WIDTH, height=HEIGHT, title=title)
