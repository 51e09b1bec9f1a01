"""Write the tables and pictures of docs/results.md from docs/results/*.json.

`python docs/generate_results.py`; a test compares the tables.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leakboard.experiments import Report, layers
from leakboard.experiments._correlation import Correlation
from leakboard.experiments._figures import draw as draw_sweep
from leakboard.experiments._figures import table as swept_tables
from leakboard.experiments._page import TITLES, section
from leakboard.experiments._plots import draw as draw_table
from leakboard.experiments._points import Point, Untrained
from leakboard.experiments._rows import Filled
from leakboard.experiments._sweep import Swept

PAGE = Path(__file__).with_name("results.md")
RESULTS = PAGE.with_name("results")
BEGIN, END = r"(<!-- from results/([\w-]+)\.json(?:, (\w+))? -->\n)", r"(<!-- end -->)"
PLACE = re.compile(f"{BEGIN}.*?{END}", re.DOTALL)


def page() -> str:
    """The page as it is, with the tables that the files give."""
    return PLACE.sub(lambda place: _filled(*place.groups()), PAGE.read_text("utf-8"))


def pictures() -> Mapping[str, str]:
    """The plots of tables and sweeps as SVG, by name."""
    names = sorted(path.stem for path in RESULTS.glob("*.json"))
    drawn = {name: _picture(_results(name)) for name in names}
    return {name: svg for name, svg in drawn.items() if svg is not None}


def _results(name: str) -> Mapping[str, Any]:
    return Report.model_validate_json((RESULTS / f"{name}.json").read_bytes()).results


def _filled(begin: str, name: str, part: str | None, end: str) -> str:
    parts = _parts(_results(name))
    text = parts[part] if part else "\n\n".join(part.strip() for part in parts.values())
    return f"{begin}\n{text.strip()}\n\n{end}"


def _parts(results: Mapping[str, Any]) -> Mapping[str, str]:
    """Named pieces of Markdown: one per dataset of a table, per network of a sweep, per matrix."""
    if "blocks" in results:
        blocks = [Filled.model_validate(block) for block in results["blocks"]]
        notes = "\n".join(f"- {note}" for note in results["notes"])
        return {block.title: _table(results, block) for block in blocks} | {
            "notes": f"**About the paper's numbers, whichever dataset.**\n\n{notes}\n"
        }
    if "points" in results:
        return _layers(results)
    return {name: swept_tables({name: one}) for name, one in _swept(results).items()}


def _picture(results: Mapping[str, Any]) -> str | None:
    if "blocks" in results:
        blocks = [Filled.model_validate(block) for block in results["blocks"]]
        panels = [(block.title, block.lines) for block in blocks]
        return draw_table(results["measures"][0], TITLES, panels)
    return None if "points" in results else draw_sweep(_swept(results))


def _swept(results: Mapping[str, Any]) -> Mapping[str, Swept]:
    return {name: Swept.model_validate(one) for name, one in results.items()}


def _table(results: Mapping[str, Any], block: Filled) -> str:
    """The rows that have been run; the others are named."""
    known = [line for line in block.lines if line.seeds]
    absent = [line.method for line in block.lines if not line.seeds]
    if not known:
        return f"**{block.title}.** Not run yet.\n"
    shown = block.model_copy(update={"lines": tuple(known)})
    lines = list(section(results["measures"], shown, results["beside"]))
    if absent:
        lines.append(f"- Not run yet: {'; '.join(absent)}.")
    return f"**{block.title}.**\n\n" + "\n".join(lines)


def _layers(results: Mapping[str, Any]) -> Mapping[str, str]:
    found = {
        measure: {leakage: Correlation.model_validate(one) for leakage, one in row.items()}
        for measure, row in results["correlations"].items()
    }
    points = [Point.model_validate(one) for one in results["points"]]
    before = [Untrained.model_validate(one) for one in results["untrained"]]
    names = ("points", "untrained", "correlations")
    return dict(zip(names, layers.tables(points, before, found), strict=True))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
    for picture, svg in pictures().items():
        (RESULTS / f"{picture}.svg").write_text(svg, "utf-8")
