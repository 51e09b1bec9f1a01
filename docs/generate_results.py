"""Write the tables of docs/results.md from results/*.json: `python docs/generate_results.py`."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leakboard.experiments import Report, layers
from leakboard.experiments._correlation import Correlation
from leakboard.experiments._figures import table as swept_tables
from leakboard.experiments._page import section
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


def _filled(begin: str, name: str, part: str | None, end: str) -> str:
    report = Report.model_validate_json((RESULTS / f"{name}.json").read_bytes())
    parts = _parts(report.results)
    text = parts[part] if part else "\n".join(parts.values())
    return f"{begin}\n{text.strip()}\n\n{end}"


def _parts(results: Mapping[str, Any]) -> Mapping[str, str]:
    """Named pieces of Markdown: one per dataset of a table, per network of a sweep, per matrix."""
    if "blocks" in results:
        blocks = [Filled.model_validate(block) for block in results["blocks"]]
        return {block.dataset: _table(results["measures"], block) for block in blocks}
    if "points" in results:
        return _layers(results)
    swept = {name.replace("-", "_"): Swept.model_validate(one) for name, one in results.items()}
    return {name: swept_tables({name: one}) for name, one in swept.items()}


def _table(measures: list[str], block: Filled) -> str:
    """The rows that have been run; the others are named."""
    known = [line for line in block.lines if line.seeds]
    absent = [line.method for line in block.lines if not line.seeds]
    lines = list(section(measures, block.model_copy(update={"lines": tuple(known)})))
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
