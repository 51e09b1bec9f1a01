"""Intervals: a bootstrap over subjects, because images of one person are not independent.

Legend: N images, G subjects, B replicates.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm, t

from ..schemas import UsageError
from .metrics import Statistic, Values

LEVEL = 0.95
REPLICATES = 1000
SEED = 2021  # the same for every score: a file that is scored again gets the same interval
CHUNK_WEIGHTS = 2**18  # weights held at a time: 2 MiB, about what a processor caches


@dataclass(frozen=True)
class Estimate:
    """A statistic of all images and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def estimates(
    statistics: Mapping[str, Statistic],
    subjects: Sequence[str],
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> dict[str, Estimate]:
    """Estimate statistics of N images of `subjects` with 95 % bootstrap intervals.

    Each replicate draws G of the G subjects with replacement, each with all its images; all
    statistics see the same replicates. The ends are percentiles of the replicates, those in which
    a statistic is undefined left out. `UsageError` for a single subject.
    """
    everyone = np.ones((1, len(subjects)))
    drawn: dict[str, list[Values]] = {name: [] for name in statistics}
    for weights in replicate_weights(subjects, replicates, seed):
        for name, statistic in statistics.items():
            drawn[name].append(statistic(weights))
    tail = tail_probability(len(set(subjects)))
    return {
        name: _estimate(statistic(everyone), np.concatenate(drawn[name]), tail)
        for name, statistic in statistics.items()
    }


def replicate_weights(subjects: Sequence[str], replicates: int, seed: int) -> Iterator[Values]:
    """Yield how often each replicate drew each image: (up to B, N) whole numbers as float64."""
    _, subject_of = np.unique(np.asarray(subjects), return_inverse=True)
    groups = int(subject_of.max()) + 1
    generator = np.random.default_rng(seed)
    rows = max(1, CHUNK_WEIGHTS // len(subject_of))
    for start in range(0, replicates, rows):
        counts = [
            np.bincount(generator.integers(groups, size=groups), minlength=groups)
            for _ in range(min(rows, replicates - start))
        ]
        yield np.stack(counts)[:, subject_of].astype(np.float64)


def tail_probability(groups: int) -> float:
    """Probability cut off at each end, widened for few subjects.

    Plain percentiles are too narrow by sqrt(1 - 1/G) and by the normal's thinner tails; the
    expanded percentiles of Hesterberg (2015), section 5.3, mend both.

    >>> [round(tail_probability(groups), 4) for groups in (10, 200, 10_000)]
    [0.0086, 0.024, 0.025]
    """
    if groups < 2:
        raise UsageError(
            "an interval needs images of at least two subjects, but all are of one; "
            "score a larger split"
        )
    quantile = t.ppf((1 + LEVEL) / 2, groups - 1)
    return float(norm.cdf(-math.sqrt(groups / (groups - 1)) * quantile))


def _estimate(value: Values, drawn: Values, tail: float) -> Estimate:
    low, high = np.nanquantile(drawn, [tail, 1 - tail])
    return Estimate(float(value[0]), float(low), float(high))
