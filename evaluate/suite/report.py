"""The report of an attack suite: report.json, report.md, and report.html with pictures inside."""

import base64
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray
from PIL import Image

from ...schemas import Direction, Release, Track, read_predictions
from ...schemas.files import write_text
from ...schemas.statement import AttackRun, Statement
from ..gallery import shown_order
from ..reading.records import read_truth
from .planning import by_strength
from .statement import level, number

IMAGES = 6
SHOWN = 3  # reconstruction attacks, the strongest
ARROW = {Direction.HIGHER_LEAKS_MORE: "↑", Direction.LOWER_LEAKS_MORE: "↓"}
MARKDOWN = re.compile(r"[\\`*\[\]|#~!{}$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


@dataclass(frozen=True)
class Picture:
    """An image inside the page, as a data URI, what it shows, and the head of its column."""

    uri: str
    alt: str
    column: str


def write_report(statement: Statement, release: Release, out: Path) -> None:
    """Write the statement three times into `out`; report.json, the record itself, comes last.

    Pictures are of validation, whose answers are public, and only where the licence lets the
    images be shown.
    """
    write_text(out / "report.md", markdown(statement))
    write_text(out / "report.html", html(statement, pictures(statement, release, out)))
    write_text(out / "report.json", statement.to_json())


def markdown(statement: Statement) -> str:
    """Lay the statement out as Markdown; names are text there, whatever they contain."""
    return _render("statement.md.j2", escape_markdown, statement=statement)


def html(statement: Statement, rows: Sequence[Sequence[Picture]]) -> str:
    """Lay the statement out as one HTML page that refers to nothing outside itself."""
    return _render("statement.html.j2", None, statement=statement, pictures=rows)


def _render(name: str, escape: Callable[[Any], Any] | None, **content: Any) -> str:
    templates = Environment(
        loader=PackageLoader(__package__),
        autoescape=escape is None,
        finalize=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters |= {"number": number, "level": level, "options": _options}
    if escape is not None:
        templates.filters["fenced"] = _fenced
    return templates.get_template(name).render(arrow=ARROW, **content)


def escape_markdown(value: Any) -> Any:
    """Keep text from being read as Markdown or HTML, and on one line.

    >>> escape_markdown("*a* | <b>_c_ d_e")
    '\\\\*a\\\\* \\\\| &lt;b&gt;\\\\_c\\\\_ d_e'
    """
    if isinstance(value, Markup):
        return value
    text = " ".join(str(value).split()).replace("&", "&amp;")
    return MARKDOWN.sub(r"\\\g<0>", text.replace("<", "&lt;").replace(">", "&gt;"))


def _fenced(line: str) -> Markup:
    return Markup(" ".join(line.split()))  # in a code block of Markdown everything is text


def _options(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in options.items()) or "defaults"


def pictures(statement: Statement, release: Release, out: Path) -> list[list[Picture]]:
    """A few inputs, each beside what the strongest reconstruction attacks made of it."""
    strongest: dict[str, AttackRun] = {}
    for run in by_strength(statement.attacks, Track.RECONSTRUCTION):
        strongest.setdefault(run.attack, run)
    attacks = list(strongest.values())[:SHOWN]
    if not attacks or not statement.dataset.licence.redistributable:
        return []
    records = read_truth(release, "validation", None)
    rebuilt = [_rebuilt(run, release, out) for run in attacks]
    rows = [
        row for row in shown_order(records) if all(records.sample_id[row] in r for r in rebuilt)
    ]
    return [
        [
            _picture(records.known("inputs")[row].permute(1, 2, 0).numpy(), "input", place),
            *(
                _picture(images[records.sample_id[row]], run.attack, place)
                for run, images in zip(attacks, rebuilt, strict=True)
            ),
        ]
        for place, row in enumerate(rows[:IMAGES], 1)
    ]


def _rebuilt(run: AttackRun, release: Release, out: Path) -> dict[str, NDArray[np.uint8]]:
    given = read_predictions(out / run.predictions["validation"], release.manifest)
    return dict(zip(given.sample_ids, given.values, strict=True))


def _picture(pixels: NDArray[np.uint8], column: str, place: int) -> Picture:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    encoded = base64.b64encode(content.getvalue()).decode()
    alt = f"Input {place}" if column == "input" else f"Input {place} as rebuilt by {column}"
    return Picture(f"data:image/png;base64,{encoded}", alt, column)
