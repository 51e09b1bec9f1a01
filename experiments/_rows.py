"""Rows of a table: what is run for each, and what its cells add up to, over seeds and images.

Legend: K seeds of a row, N test images, M measures.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..evaluate.metrics import REGISTRY as METRICS
from ..schemas import Config, Direction, Record, Track
from ..schemas.resampling import holm, mean_replicates, numbered, over_runs, paired_difference
from ._cells import Cell

Values = NDArray[np.float64]
UNDEFENDED = "none"
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Row:
    """One row: a configuration by name, with changes, and what the paper printed for it.

    `beside` names the row that leakage is compared with; `x` is its place in a figure that has a
    series of them; `times` is how many times the protocol's epochs its attackers have.
    """

    method: str
    config: str
    changes: tuple[str, ...] = ()
    paper: Mapping[str, float] = field(default_factory=dict)
    beside: str = UNDEFENDED
    x: float | None = None
    times: int = 1


class Number(Record):
    """A mean over seeds and images with its 95 % interval (hierarchical bootstrap)."""

    value: float
    low: float
    high: float


class Compared(Record):
    """The leakage of a row over that of the row beside it, and the chance of there being no
    difference, adjusted for the number of rows (Holm).
    """

    ratio: float
    low: float
    high: float
    p_adjusted: float
    less: bool

    @property
    def differs(self) -> bool:
        """Whether the difference is significant, in whichever direction."""
        return self.p_adjusted < SIGNIFICANCE


class Line(Record):
    """What is known of a row so far; nothing is, where no cell is finished."""

    method: str
    config: str
    changes: tuple[str, ...]
    paper: dict[str, float]
    x: float | None
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    n: int
    numbers: dict[str, Number]
    proxy_leakage: tuple[float | None, ...]
    strongest: tuple[str, ...]
    compared: Compared | None = None


@dataclass(frozen=True)
class Block:
    """The rows of one dataset."""

    dataset: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table or figure of the paper: its blocks, its measures (the first is compared), notes.

    `beside` says what rows are compared with.
    """

    name: str
    measures: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    beside: str = "undefended"


class Filled(Record):
    """A block with what is known so far; `anchors` are guesses, and ceilings that see images."""

    dataset: str
    title: str
    lines: tuple[Line, ...]
    anchors: dict[str, Number]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Run:
    """A finished cell of a row and its values per image."""

    seed: int
    config: Config
    cell: Cell
    values: pa.Table


def line(row: Row, runs: Sequence[Run], seeds: Sequence[int], measures: Sequence[str]) -> Line:
    """Add up the finished cells of a row."""
    done = tuple(run.seed for run in runs)
    track = track_of(measures[0])
    return Line(
        method=row.method,
        config=row.config,
        changes=row.changes,
        paper=dict(row.paper),
        x=row.x,
        seeds=done,
        missing=tuple(seed for seed in seeds if seed not in done),
        n=runs[0].values.num_rows if runs else 0,
        numbers=_numbers(runs, ("utility", *measures)) if runs else {},
        proxy_leakage=tuple(run.cell.measurements.proxy_leakage for run in runs),
        strongest=tuple(dict.fromkeys(run.cell.run(track).attack for run in runs)),
    )


def track_of(measure: str) -> Track:
    """The track that a measure belongs to."""
    track: Track = METRICS.find(measure).track
    return track


def _numbers(runs: Sequence[Run], measures: Sequence[str]) -> dict[str, Number]:
    """Mean and interval of each measure, over the K seeds and the N images that all of them saw."""
    subjects = subjects_of(runs[0])
    groups = int(numbered(subjects).max()) + 1
    numbers = {}
    for measure in measures:
        series = values_of(runs, measure)
        found = over_runs(series.mean(axis=1), mean_replicates(series, subjects), groups)
        numbers[measure] = Number(value=found.value, low=found.low, high=found.high)
    return numbers


def values_of(runs: Sequence[Run], measure: str) -> Values:
    """The measure of each seed and image, (K, N)."""
    return np.stack([run.values.column(measure).to_numpy() for run in runs])


def subjects_of(run: Run) -> list[str]:
    """Whose image each is, by a number that is the same in all cells of a dataset."""
    subjects: list[str] = run.values.column("subject").to_pylist()
    return subjects


def compared(
    rows: Sequence[Row], lines: Sequence[Line], runs: Sequence[Sequence[Run]], measure: str
) -> list[Line]:
    """Compare the leakage of each row with the row it stands beside, on the same images."""
    place = {row.method: number for number, row in enumerate(rows)}
    pairs = {
        number: place[row.beside]
        for number, row in enumerate(rows)
        if row.beside in place and row.method != row.beside and runs[number]
        if runs[place[row.beside]]
    }
    found = {number: _ratio(runs[number], runs[other], measure) for number, other in pairs.items()}
    adjusted = holm({rows[number].method: p for number, (_, _, _, p) in found.items()})
    less_is_more = METRICS.find(measure).direction is Direction.LOWER_LEAKS_MORE
    result = list(lines)
    for number, (ratio, low, high, _) in found.items():
        p = adjusted[rows[number].method]
        below = ratio > 1 if less_is_more else ratio < 1
        verdict = Compared(
            ratio=ratio, low=low, high=high, p_adjusted=p, less=below and p < SIGNIFICANCE
        )
        result[number] = lines[number].model_copy(update={"compared": verdict})
    return result


def _ratio(one: Sequence[Run], other: Sequence[Run], measure: str) -> tuple[float, ...]:
    """The ratio r of two means, the ends of its interval, and the p-value of equal means.

    With b the other mean, r - r' is (a - r b) / b to first order (the delta method), and a - r b is
    a paired difference over the same images.
    """
    subjects = subjects_of(one[0])
    a, b = values_of(one, measure), values_of(other, measure)
    mean = float(b.mean())
    ratio = float(a.mean()) / mean
    around = paired_difference(a, ratio * b, subjects)
    p = paired_difference(a, b, subjects).p
    return ratio, ratio + around.low / mean, ratio + around.high / mean, p
