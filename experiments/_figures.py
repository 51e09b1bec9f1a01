"""The noise sweep as one picture and as tables."""

from collections.abc import Iterator, Mapping
from typing import Any

import altair as alt
import vl_convert

from ..schemas.bounds import Measured
from . import _markdown as markdown
from ._sweep import Level, Swept

# After Okabe and Ito: told apart whatever one's colour vision.
LINES = {
    "rmse_floor": ("HCR floor, all perturbations", "#0072B2"),
    "single_point_rmse_floor": ("HCR floor, best perturbation", "#56B4E9"),
    "fisher_floor": ("Fisher floor", "#009E73"),
    "decoder_rmse": ("trained decoder", "#D55E00"),
    "mean_image_rmse": ("mean image", "#808080"),
}
COLUMNS = ("mode_floor", "low_mode_floor", "unconstrained")
WIDTH, HEIGHT, LOW = 240, 200, 90
# A floor above the full range of 255 grey levels says all there is to say.
CLIPPED = alt.Scale(type="log", domain=[1, 1000], clamp=True)


def table(swept: Mapping[str, Swept]) -> str:
    """A Markdown table per system: medians with 95 % intervals."""
    return "\n".join("\n".join(_lines(one)) for one in swept.values())


def _lines(swept: Swept) -> Iterator[str]:
    first = swept.rows[0]
    n, tested = first.measured["rmse_floor"].n, first.accuracy.n
    yield f"**{swept.about}.** Accuracy without noise {swept.clean.value:.3f} (n = {tested}); the"
    yield f"rest are medians over n = {n} images, in grey levels. Decoder: {swept.attack_images}"
    yield f"images, {swept.attack_epochs} epochs.\n"
    names = ["noise / rms", "accuracy", *(title for title, _ in LINES.values()), *COLUMNS]
    yield markdown.table(names, map(_cells, swept.rows))


def _cells(level: Level) -> list[str]:
    measured = [markdown.spread(level.measured[name]) for name in (*LINES, *COLUMNS)]
    return [f"{level.sigma:g}", markdown.spread(level.accuracy, ".3f"), *measured]


def draw(swept: Mapping[str, Swept]) -> str:
    """Draw floors and errors over the noise, the accuracy below, a column per system: SVG."""
    columns = [_errors(one) & _accuracy(one) for one in swept.values()]
    chart = alt.hconcat(*columns).configure_view(stroke=None)
    svg: str = vl_convert.vegalite_to_svg(chart.to_json())
    return svg


def _noise() -> alt.X:
    return alt.X("sigma:Q", title="noise / rms(features)", scale=alt.Scale(type="log"))


def _errors(swept: Swept) -> alt.LayerChart:
    points = [
        {"sigma": row.sigma, "what": title, **_ends(row.measured[name])}
        for row in swept.rows
        for name, (title, _) in LINES.items()
    ]
    titles, colours = zip(*LINES.values(), strict=True)
    base = alt.Chart(alt.InlineData(values=points)).encode(
        x=_noise(),
        color=alt.Color(
            "what:N",
            title=None,
            scale=alt.Scale(domain=titles, range=colours),
            legend=alt.Legend(orient="bottom", columns=1),
        ),
    )
    error = alt.Y("value:Q", title="error, grey levels", scale=CLIPPED)
    bars = base.mark_rule().encode(y=alt.Y("low:Q", scale=CLIPPED), y2="high:Q")
    lines = base.mark_line(point=True).encode(y=error)
    data, _, network = swept.about.partition(", ")
    title = alt.Title(data, subtitle=network)
    return alt.LayerChart(layer=[lines, bars], width=WIDTH, height=HEIGHT, title=title)


def _accuracy(swept: Swept) -> alt.LayerChart:
    points = [{"sigma": row.sigma, **row.accuracy.model_dump()} for row in swept.rows]
    base = alt.Chart(alt.InlineData(values=points)).encode(x=_noise())
    share = alt.Y("value:Q", title="accuracy", scale=alt.Scale(domain=[0, 1]))
    bars = base.mark_rule().encode(y="low:Q", y2="high:Q")
    lines = base.mark_line(point=True).encode(y=share)
    return alt.LayerChart(layer=[lines, bars], width=WIDTH, height=LOW)


def _ends(measured: Measured) -> dict[str, Any]:
    return {"value": measured.value, "low": measured.low, "high": measured.high}
