"""Benchmarks: how fast a part is, as a ratio against a named alternative in the same run.

A new benchmark is one new file in this folder: `score.py` defines `run() -> dict[str, Case]`, one
case per alternative. Speed is shown by `leakboard bench`, and asserted by no test.
"""

import importlib
import os
import pkgutil
import platform

from ..schemas import Record, UnknownName
from ..schemas.errors import nearest


class Case(Record):
    """Ours beside one alternative; a `ratio` above 1 always means that ours is better.

    `ours` and `baseline` are in `unit`; `baseline_is` says what the alternative does.
    """

    ours: float
    baseline: float
    unit: str
    ratio: float
    baseline_is: str

    @classmethod
    def of(
        cls, ours: float, baseline: float, unit: str, baseline_is: str, less_is_better: bool = False
    ) -> "Case":
        """Compare two measurements; `less_is_better` for seconds and bytes.

        >>> Case.of(2.0, 8.0, "s", "a loop", less_is_better=True).ratio
        4.0
        """
        ratio = baseline / ours if less_is_better else ours / baseline
        return cls(ours=ours, baseline=baseline, unit=unit, ratio=ratio, baseline_is=baseline_is)


class Report(Record):
    """What `leakboard bench --json` prints."""

    bench: str
    cases: dict[str, Case]
    machine: str


def names() -> list[str]:
    """List the benchmarks, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(name for name in found if not name.startswith("_"))


def bench(name: str) -> Report:
    """Run the benchmark `name`; `UnknownName` suggests the nearest."""
    if name not in names():
        raise UnknownName(f"there is no benchmark {name!r}: {nearest(name, names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    return Report(bench=name, cases=module.run(), machine=machine())


def machine() -> str:
    """Say what ran: system, processor, how many of them, Python."""
    processor = platform.processor() or platform.machine()
    return f"{platform.system()} {processor}, {os.cpu_count()} CPUs, {platform.python_version()}"
