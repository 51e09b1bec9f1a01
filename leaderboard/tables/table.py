"""Tables of the board: columns with their help, and cells; ready for `st.dataframe` or a file.

An arrow says which way is better for the people whose data it is: more utility, less leakage.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import pyarrow as pa

from ...schemas import Direction, Track
from ...schemas.floors import BesideFloor, Level
from ..ranking.estimates import Estimate

Row = TypeVar("Row")
Cell = str | float | Estimate | None

MEASURE = {Track.ATTRIBUTE: "top-1 accuracy", Track.RECONSTRUCTION: "SSIM"}
INTERVAL = "Value [95 % interval] n = images."
FLOOR = (
    "Medians over the same images [95 % interval]. Who learned from pairs what images look like is "
    "biased and may go below; one that did not, and does, is flagged."
)
LEAKS_MORE = {
    Direction.HIGHER_LEAKS_MORE: "↑ leaks more",
    Direction.LOWER_LEAKS_MORE: "↓ leaks more",
}


@dataclass(frozen=True)
class Column(Generic[Row]):
    """A column: its heading, its explanation, and how a row fills it; None is missing.

    `page` is the page that a cell leads to, and `chosen` what is chosen there: nothing, where the
    row leads nowhere.
    """

    label: str
    help: str
    cell: Callable[[Row], Cell]
    prose: bool = False
    page: str | None = None
    chosen: Callable[[Row], Mapping[str, str]] | None = None


def table(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> pa.Table:
    """Fill the columns for people, one row each in the order given: estimates are written out."""
    return pa.table({c.label: [_text(c.cell(row)) for row in rows] for c in columns})


def _text(cell: Cell) -> str | float | None:
    return str(cell) if isinstance(cell, Estimate) else cell


def numbers(columns: Sequence[Column[Row]], rows: Sequence[Row]) -> pa.Table:
    """Fill the columns for programs: value, ends of the interval and n are columns of their own."""
    filled = {column.label: [column.cell(row) for row in rows] for column in columns}
    parted: dict[str, list[Any]] = {}
    for label, cells in filled.items():
        if any(isinstance(cell, Estimate) for cell in cells):
            for part in ("value", "low", "high", "n"):
                parted[f"{label} {part}"] = [cell and getattr(cell, part) for cell in cells]
        else:
            parted[label] = cells
    return pa.table(parted)


def beside(floors: Sequence[BesideFloor]) -> str | None:
    """Write an attack's error beside each floor; None where there is none."""
    return "; ".join(map(_beside, floors)) or None


def _beside(one: BesideFloor) -> str:
    relation = "below" if one.beaten else "not below"
    return f"{_level(one.error)}, {relation} {one.bound} {_level(one.floor)} n={one.n}"


def _level(level: Level) -> str:
    return f"{level.value:.3g} [{level.low:.3g}, {level.high:.3g}]"
