"""Experiments: what the source papers measured, done again on data that a user has.

A new experiment is one new file in this folder: `hcr.py` defines `run(request) -> Report`.
"""

import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..schemas import Record, UnknownName, UsageError
from ..schemas.config import Scale
from ..schemas.errors import nearest


@dataclass(frozen=True)
class Request:
    """What is asked of an experiment: images from `source`, a scale, a folder for what it finds.

    seeds    how many training runs of each configuration; None: as many as the scale has
    minutes  when these are up, what is done is reported; None: all is done
    keep     whether releases are kept, not only what was found out about them
    """

    source: str
    scale: Scale
    out: Path
    seeds: int | None = None
    minutes: float | None = None
    keep: bool = False

    def refuse_cells(self, experiment: str) -> None:
        """Raise `UsageError` where an experiment of a single run is asked for several."""
        if self.seeds or self.minutes or self.keep:
            raise UsageError(
                f"{experiment} is one run, with one seed, that keeps its releases; leave out "
                "--seeds, --minutes and --keep-releases"
            )


class Report(Record):
    """What an experiment found, at which scale, and what it was run with."""

    experiment: str
    scale: Scale
    seeds: tuple[int, ...]
    versions: dict[str, str]
    results: dict[str, Any]


def names() -> list[str]:
    """List the experiments, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_"))


def reproduce(name: str, request: Request) -> Report:
    """Run the experiment `name`; `UnknownName` suggests the nearest."""
    if name not in names():
        raise UnknownName(f"there is no experiment {name!r}: {nearest(name, names())}")
    report: Report = importlib.import_module(f"{__name__}.{name}").run(request)
    return report
