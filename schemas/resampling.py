"""Resampling: what the ends of a 95 % interval are, for the scorer and for the board alike.

Images of one subject are not independent, so whole subjects are drawn, with all their images.

Legend: N images, G subjects, B replicates, K training runs of one configuration, M series.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr, stdtrit

from .errors import UsageError

LEVEL = 0.95
REPLICATES = 1000
SEED = 2021  # the same for every score: a file that is scored again gets the same interval
CHUNK_WEIGHTS = 2**18  # weights held at a time: 2 MiB, about what a processor caches

Values = NDArray[np.float64]
Subjects = Sequence[str] | NDArray[np.intp]  # whose image it is, for each of N images


@dataclass(frozen=True)
class Interval:
    """A number and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference(Interval):
    """A difference with its interval, and the p-value of there being none."""

    p: float


def numbered(subjects: Subjects) -> NDArray[np.intp]:
    """Number the subjects of N images from 0 to G - 1."""
    numbers: NDArray[np.intp] = np.unique(np.asarray(subjects), return_inverse=True)[1]
    return numbers


def subject_draws(groups: int, replicates: int, seed: int, rows: int) -> Iterator[Values]:
    """Yield how often each replicate drew each subject: (up to `rows`, G) whole numbers."""
    counts = _counts(groups, replicates, seed)
    for start in range(0, replicates, rows):
        yield counts[start : start + rows].astype(np.float64)


@lru_cache(maxsize=4)
def _counts(groups: int, replicates: int, seed: int) -> NDArray[np.int32]:
    """Draw once what every score, anchor and defense of a split is resampled by: (B, G)."""
    generator = np.random.default_rng(seed)
    counts = np.empty((replicates, groups), np.int32)
    for row in counts:
        row[:] = np.bincount(generator.integers(groups, size=groups), minlength=groups)
    return counts


def percentiles(drawn: Values, groups: int) -> tuple[float, float]:
    """The ends of the interval: percentiles of the replicates, undefined ones left out."""
    tail = tail_probability(groups)
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return float(low), float(high)


def tail_probability(groups: int) -> float:
    """Probability cut off at each end, widened for few subjects.

    Plain percentiles are too narrow by sqrt(1 - 1/G) and by the normal's thinner tails; the
    expanded percentiles of Hesterberg (2015), section 5.3, mend both. `UsageError` for a single
    subject.

    >>> [round(tail_probability(groups), 4) for groups in (10, 200, 10_000)]
    [0.0086, 0.024, 0.025]
    """
    if groups < 2:
        raise UsageError(
            "an interval needs images of at least two subjects, but all are of one; "
            "score a larger split"
        )
    quantile = stdtrit(groups - 1, (1 + LEVEL) / 2)
    return float(ndtr(-math.sqrt(groups / (groups - 1)) * quantile))


def mean_replicates(
    series: Values, subjects: Subjects, replicates: int = REPLICATES, seed: int = SEED
) -> Values:
    """Resample the means of M series (M, N) over the same N images: (B, M).

    All series see the same draws of subjects, so that they can be compared replicate by replicate.
    """
    subject_of = numbered(subjects)
    groups = int(subject_of.max()) + 1
    sizes = np.bincount(subject_of).astype(np.float64)
    sums = np.stack([np.bincount(subject_of, weights=values) for values in series])
    rows = max(1, CHUNK_WEIGHTS // groups)
    return np.concatenate(
        [
            (draws @ sums.T) / (draws @ sizes)[:, None]
            for draws in subject_draws(groups, replicates, seed, rows)
        ]
    )


@dataclass(frozen=True)
class Scatter:
    """How much training runs of one configuration differ: the variance between them.

    `freedom` are the degrees of freedom with which it is known.
    """

    variance: float
    freedom: int


def pooled(means: Iterable[Values]) -> Scatter | None:
    """Pool the variance between runs over configurations, given the means (K,) of each one's runs.

    As an analysis of variance does, which takes for granted that training scatters alike behind all
    of them. None where no configuration has two runs.

    >>> pooled([np.array([0.5, 0.75]), np.array([0.25, 0.25]), np.array([1.0])])
    Scatter(variance=0.015625, freedom=2)
    """
    several = [runs for runs in means if len(runs) > 1]
    freedom = sum(len(runs) - 1 for runs in several)
    if not freedom:
        return None
    squares = sum(float(np.square(runs - runs.mean()).sum()) for runs in several)
    return Scatter(squares / freedom, freedom)


def over_runs(
    means: Values, drawn: Values, groups: int, seed: int = SEED, scatter: Scatter | None = None
) -> Interval:
    """Interval of the mean of K runs, from their means (K,) and replicates of these (B, K).

    A hierarchical bootstrap: runs are resampled, and within them the G subjects, the same for all
    runs, which are attacked on the same images. Subjects are drawn with replacement. Three runs
    cannot be: no percentile of their resampled mean lies outside their range, which is far too
    narrow. So the mean of the runs is drawn from its Student's t distribution, whose variance is
    what the images do not explain of the spread between runs (they are in the replicates already).
    The t values are stratified: with no sampling error at all the interval is Student's. The
    spread is that of these runs, or the `scatter` that is known from more. A single run tells
    nothing of training, and its interval without a scatter is that of its images.
    """
    together = drawn.mean(axis=1)
    runs = len(means)
    known = scatter or pooled([means])
    if known:
        by_images = (drawn - together[:, None]).var(axis=0).sum() / max(runs - 1, 1)
        variance = max(known.variance - float(by_images), 0.0)
        strata = np.random.default_rng(seed).permutation(len(drawn))
        shifts = stdtrit(known.freedom, (strata + 0.5) / len(drawn))
        together = together + shifts * math.sqrt(variance / runs)
    return Interval(float(means.mean()), *percentiles(together, groups))


def paired_difference(
    one: Values,
    other: Values,
    subjects: Subjects,
    scatter: Scatter | None = None,
    times: float = 1.0,
) -> Difference:
    """Compare the means of two configurations over the same N images, run by run (K, N) and (L, N).

    The other's mean is taken that many `times`. The difference is a mean over images and runs, so
    its variance has a closed form: that of the images' differences, summed by subject (Liang and
    Zeger 1986), plus that of the runs of either, or what a `scatter` that both share says of it,
    which counts a part of the first again and so errs towards a tie. The p-value and the interval
    are Student's with Welch and Satterthwaite's degrees of freedom. With single runs and no scatter
    only the images count. Equal values are no difference, with p = 1.
    """
    gaps = one.mean(axis=0) - times * other.mean(axis=0)
    value = float(gaps.mean())
    if scatter:
        each = scatter.variance * (1 / len(one) + times**2 / len(other))
        training = [(each, scatter.freedom)]
    else:
        training = [_of_runs(one), _of_runs(times * other)]
    parts = [_of_subjects(gaps - value, subjects), *training]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Difference(value, value, value, float(value == 0))
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    error = math.sqrt(variance)
    reach = float(stdtrit(freedom, (1 + LEVEL) / 2)) * error
    p = 2 * float(stdtr(freedom, -abs(value) / error))
    return Difference(value, value - reach, value + reach, p)


def _of_subjects(residuals: Values, subjects: Subjects) -> tuple[float, int]:
    """Variance of a mean over clustered images, and its degrees of freedom."""
    sums = np.bincount(numbered(subjects), weights=residuals)
    groups = len(sums)
    if groups < 2:
        return 0.0, 1
    return float(np.square(sums).sum()) * groups / (groups - 1) / len(residuals) ** 2, groups - 1


def _of_runs(runs: Values) -> tuple[float, int]:
    """Variance of a mean over runs, and its degrees of freedom; none for a single run."""
    if len(runs) < 2:
        return 0.0, 1
    return float(runs.mean(axis=1).var(ddof=1)) / len(runs), len(runs) - 1


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Adjust p-values for their number (Holm 1979): the chance of any false one stays in bounds.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'b': 0.06, 'c': 0.06}
    """
    adjusted: dict[str, float] = {}
    largest = 0.0
    for place, name in enumerate(sorted(p_values, key=lambda name: p_values[name])):
        largest = max(largest, min((len(p_values) - place) * p_values[name], 1.0))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
