"""What the finished cells of a table's rows add up to, over training runs and images.

Legend: K runs of a row, N test images.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..evaluate.metrics import REGISTRY as METRICS
from ..schemas import Config, Track
from ..schemas.resampling import (
    Difference,
    Scatter,
    holm,
    mean_replicates,
    numbered,
    over_runs,
    paired_difference,
    pooled,
)
from ._cells import Cell
from ._rows import Compared, Line, Number, Row

Values = NDArray[np.float64]
Scatters = Mapping[str, Scatter | None]  # by measure
# What is reached without the activation; for the attribute by the better of the two.
GUESSES = {Track.ATTRIBUTE: ("majority", "task_output"), Track.RECONSTRUCTION: ("mean_image",)}


@dataclass(frozen=True)
class Run:
    """A finished cell of a row, its values per image, and the versions that made its release."""

    seed: int
    config: Config
    cell: Cell
    values: pa.Table
    versions: Mapping[str, str]


def scatters(rows: Sequence[Sequence[Run]], measures: Sequence[str]) -> Scatters:
    """How much runs differ in utility and in each measure, pooled over the rows of a block."""
    done = [runs for runs in rows if runs]
    return {
        one: pooled(values_of(runs, one).mean(axis=1) for runs in done)
        for one in ("utility", *measures)
    }


def line(
    row: Row, runs: Sequence[Run], seeds: Sequence[int], measure: str, scatter: Scatters
) -> Line:
    """Add up the finished cells of a row, whose first measure is given."""
    done = tuple(run.seed for run in runs)
    track = track_of(measure)
    reports = [run.cell.run(track).reports["test"] for run in runs]
    return Line(
        method=row.method,
        config=row.config,
        changes=row.changes,
        paper=dict(row.paper),
        x=row.x,
        seeds=done,
        missing=tuple(seed for seed in seeds if seed not in done),
        n=runs[0].values.num_rows if runs else 0,
        numbers=_numbers(runs, scatter) if runs else {},
        by_run=tuple(values_of(runs, measure).mean(axis=1).tolist()) if runs else (),
        proxy_leakage=tuple(run.cell.measurements.proxy_leakage for run in runs),
        strongest=tuple(dict.fromkeys(report.attack for report in reports)),
        attacks=_each(runs, track),
        flags=tuple(dict.fromkeys(flag for report in reports for flag in report.flags)),
    )


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


def _numbers(runs: Sequence[Run], scatter: Scatters) -> dict[str, Number]:
    """Mean and interval of each measure, over the K seeds and the N images that all of them saw."""
    subjects = subjects_of(runs[0])
    return {name: number(values_of(runs, name), subjects, found) for name, found in scatter.items()}


def number(series: Values, subjects: Sequence[str], scatter: Scatter | None) -> Number:
    """Mean and interval of what K runs read of N images, (K, N)."""
    groups = int(numbered(subjects).max()) + 1
    drawn = mean_replicates(series, subjects)
    found = over_runs(series.mean(axis=1), drawn, groups, scatter=scatter)
    return Number(value=found.value, low=found.low, high=found.high)


def values_of(runs: Sequence[Run], measure: str) -> Values:
    """The measure of each seed and image, (K, N)."""
    return np.stack([run.values.column(measure).to_numpy() for run in runs])


def subjects_of(run: Run) -> list[str]:
    """Whose image each is, by a number that is the same in all cells of a dataset."""
    subjects: list[str] = run.values.column("subject").to_pylist()
    return subjects


def compared(
    rows: Sequence[Row],
    lines: Sequence[Line],
    runs: Sequence[Sequence[Run]],
    measure: str,
    scatter: Scatter | None,
) -> list[Line]:
    """Compare the leakage of each row with the row it stands beside, on the same images."""
    done = {row.method: made for row, made in zip(rows, runs, strict=True) if made}
    pairs = {
        row.method: (done[row.method], done[row.beside])
        for row in rows
        if row.method in done and row.beside in done and row.method != row.beside
    }
    numbers = {one.method: one.numbers[measure] for one in lines if one.numbers}
    beside = {row.method: numbers[row.beside] for row in rows if row.method in pairs}
    told = pairs if scatter else {}
    adjusted = holm({name: _difference(*pair, measure, scatter).p for name, pair in told.items()})
    found = {
        name: Compared(
            ratio=ratio(*pair, measure, scatter),
            above=above_guess(*pair, measure, scatter, beside[name]),
            p_adjusted=adjusted.get(name),
        )
        for name, pair in pairs.items()
    }
    return [one.model_copy(update={"compared": found.get(one.method)}) for one in lines]


def _difference(
    one: Sequence[Run], other: Sequence[Run], measure: str, scatter: Scatter | None
) -> Difference:
    values = values_of(one, measure), values_of(other, measure)
    return paired_difference(*values, subjects_of(one[0]), scatter)


def guessed(run: Run, measure: str) -> float:
    """What a guess without the activation reaches on the images of a run."""
    track = track_of(measure)
    anchors = run.cell.run(track).reports["test"].anchors
    return max(anchors[name][measure].value for name in GUESSES[track])


def above_guess(
    one: Sequence[Run],
    other: Sequence[Run],
    measure: str,
    scatter: Scatter | None,
    beside: Number,
) -> Number | None:
    """The ratio of what two rows give away beyond a guess; `beside` is what the other gives away.

    None where its interval reaches down to the guess: there is nothing to divide by.
    """
    guess = guessed(other[0], measure)
    return ratio(one, other, measure, scatter, guess) if beside.low > guess else None


def ratio(
    one: Sequence[Run],
    other: Sequence[Run],
    measure: str,
    scatter: Scatter | None = None,
    floor: float = 0.0,
) -> Number:
    """The ratio r of two means once `floor` is subtracted from both, with its interval.

    With b the other mean, r - r' is (a - r b) / b to first order (the delta method), and a - r b is
    a paired difference over the same images.
    """
    a, b = values_of(one, measure) - floor, values_of(other, measure) - floor
    mean = float(b.mean())
    value = float(a.mean()) / mean
    around = paired_difference(a, b, subjects_of(one[0]), scatter, times=value)
    return Number(value=value, low=value + around.low / mean, high=value + around.high / mean)
