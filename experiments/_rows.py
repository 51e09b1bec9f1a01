"""Rows of a table: what is run for each, and what its cells add up to, over seeds and images.

Legend: K seeds of a row, N test images, M measures.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..evaluate.metrics import REGISTRY as METRICS
from ..schemas import Config, Record, Track
from ..schemas.resampling import (
    Difference,
    holm,
    mean_replicates,
    numbered,
    over_runs,
    paired_difference,
)
from ._cells import Cell
from ._images import REPEATED

Values = NDArray[np.float64]
UNDEFENDED = "none"
SIGNIFICANCE = 0.05
# What is reached without the activation; for the attribute by the better of the two.
GUESSES = {Track.ATTRIBUTE: ("majority", "task_output"), Track.RECONSTRUCTION: ("mean_image",)}


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
    """The leakage of a row beside that of the row it is compared with.

    ratio       the one over the other
    above       the same once what a guess reaches is subtracted from both
    p_adjusted  how often equals would differ by so much, adjusted for the rows of the block (Holm)
    seeds       training runs behind it, of the row that has fewer
    """

    ratio: Number
    above: Number
    p_adjusted: float
    seeds: int

    @property
    def less(self) -> bool:
        """Whether it leaks significantly less."""
        return self.ratio.value < 1 and self.p_adjusted < SIGNIFICANCE

    @property
    def more(self) -> bool:
        """Whether it leaks significantly more."""
        return self.ratio.value > 1 and self.p_adjusted < SIGNIFICANCE


class Line(Record):
    """What is known of a row so far; nothing is, where no cell is finished.

    `attacks` is what each attack on the track of the first measure read, mean over seeds.
    `repeated` is what averaging reads of the `repeated_n` images that a random defense was asked
    about repeatedly.
    """

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
    attacks: dict[str, float]
    repeated: Number | None
    repeated_n: int
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
    """A table or figure of the paper: its blocks, its measures and its notes.

    The first measure grows with leakage and is compared; `beside` says with what.
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
    asked_often = [run for run in map(_asked_often, runs) if run and track is Track.ATTRIBUTE]
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
        attacks=_each(runs, track),
        repeated=_numbers(asked_often, (REPEATED,))[REPEATED] if asked_often else None,
        repeated_n=asked_often[0].values.num_rows if asked_often else 0,
    )


def _asked_often(run: Run) -> Run | None:
    """The run with the images alone that were asked about repeatedly; None where none was."""
    if REPEATED not in run.values.column_names:
        return None
    values = run.values.column(REPEATED).to_numpy()
    return replace(run, values=run.values.filter(pa.array(~np.isnan(values))))


def _each(runs: Sequence[Run], track: Track) -> dict[str, float]:
    """What every attack of a track read on test, mean over the seeds; no ceilings."""
    found: dict[str, list[float]] = defaultdict(list)
    for report in (one.reports["test"] for run in runs for one in run.cell.runs):
        if report.track is track and not report.ceiling:
            found[report.attack].append(report.headline.value)
    return {attack: sum(values) / len(values) for attack, values in found.items()}


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
    p = {n: _difference(runs[n], runs[other], measure).p for n, other in pairs.items()}
    adjusted = holm({rows[number].method: chance for number, chance in p.items()})
    result = list(lines)
    for number, other in pairs.items():
        found = _beside(runs[number], runs[other], measure, adjusted[rows[number].method])
        result[number] = lines[number].model_copy(update={"compared": found})
    return result


def _difference(one: Sequence[Run], other: Sequence[Run], measure: str) -> Difference:
    values = values_of(one, measure), values_of(other, measure)
    return paired_difference(*values, subjects_of(one[0]))


def _beside(one: Sequence[Run], other: Sequence[Run], measure: str, p_adjusted: float) -> Compared:
    return Compared(
        ratio=ratio(one, other, measure),
        above=ratio(one, other, measure, guessed(other[0], measure)),
        p_adjusted=p_adjusted,
        seeds=min(len(one), len(other)),
    )


def guessed(run: Run, measure: str) -> float:
    """What a guess without the activation reaches on the images of a run."""
    track = track_of(measure)
    anchors = run.cell.run(track).reports["test"].anchors
    return max(anchors[name][measure].value for name in GUESSES[track])


def ratio(one: Sequence[Run], other: Sequence[Run], measure: str, floor: float = 0.0) -> Number:
    """The ratio r of two means once `floor` is subtracted from both, with its interval.

    With b the other mean, r - r' is (a - r b) / b to first order (the delta method), and a - r b is
    a paired difference over the same images.
    """
    a, b = values_of(one, measure) - floor, values_of(other, measure) - floor
    mean = float(b.mean())
    value = float(a.mean()) / mean
    around = paired_difference(a, value * b, subjects_of(one[0]))
    return Number(value=value, low=value + around.low / mean, high=value + around.high / mean)
