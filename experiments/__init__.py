"""Experiments: what the source papers measured, done again on data that a user has.

A new experiment is one new file in this folder: `hcr.py` defines
`run(source, scale, out) -> Report`.
"""

import importlib
import pkgutil
from pathlib import Path
from typing import Any

from ..schemas import Record, UnknownName
from ..schemas.config import Scale
from ..schemas.errors import nearest


class Report(Record):
    """What an experiment found, at which scale, and what it was run with."""

    experiment: str
    scale: Scale
    seed: int
    versions: dict[str, str]
    results: dict[str, Any]


def names() -> list[str]:
    """List the experiments, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_"))


def reproduce(name: str, source: str, scale: Scale, out: Path) -> Report:
    """Run the experiment `name` on images from `source`; its files are written into `out`.

    `UnknownName` suggests the nearest.
    """
    if name not in names():
        raise UnknownName(f"there is no experiment {name!r}: {nearest(name, names())}")
    report: Report = importlib.import_module(f"{__name__}.{name}").run(source, scale, out)
    return report
