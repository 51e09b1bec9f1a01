"""Intervals: a bootstrap over subjects, because images of one person are not independent.

Legend: N images, G subjects, B replicates.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ...schemas import Score
from ...schemas.resampling import (
    CHUNK_WEIGHTS,
    REPLICATES,
    SEED,
    Interval,
    numbered,
    percentiles,
    subject_draws,
)
from ..metrics import Metric, Statistic, Values

NOTHING: Mapping[str, Statistic] = {}


def estimates(
    statistics: Mapping[str, Statistic],
    subjects: Sequence[str],
    replicates: int = REPLICATES,
    seed: int = SEED,
    cautious: Mapping[str, Statistic] = NOTHING,
) -> dict[str, Interval]:
    """Estimate statistics of N images of `subjects` with 95 % bootstrap intervals.

    Each replicate draws G of the G subjects with replacement, each with all its images; all
    statistics see the same replicates. The ends are percentiles of the replicates, those in which
    a statistic is undefined left out; the low end is that of a `cautious` statistic of the same
    name, where there is one and it is lower. `UsageError` for a single subject.
    """
    everyone = np.ones((1, len(subjects)))
    every = [*statistics.items(), *cautious.items()]
    drawn: list[list[Values]] = [[] for _ in every]
    for weights in replicate_weights(subjects, replicates, seed):
        for values, (_, statistic) in zip(drawn, every, strict=True):
            values.append(statistic(weights))
    groups = len(set(subjects))
    ends: dict[str, tuple[float, float]] = {}
    for values, (name, _) in zip(drawn, every, strict=True):
        low, high = percentiles(np.concatenate(values), groups)
        lowest, highest = ends.get(name, (low, high))
        ends[name] = min(low, lowest), highest
    return {n: Interval(float(s(everyone)[0]), *ends[n]) for n, s in statistics.items()}


def with_intervals(
    asked: Mapping[str, tuple[Metric[Any], Any]],
    subjects: Sequence[str],
    known: Mapping[str, Statistic],
) -> dict[str, Score]:
    """Score metrics of outcomes of N images of `subjects`; all see the same replicates.

    `known` statistics are taken as they are, so that none is prepared twice.
    """
    statistics = {
        name: known[name] if name in known else metric.statistic(outcome)
        for name, (metric, outcome) in asked.items()
    }
    lower = {name: metric.cautious(outcome) for name, (metric, outcome) in asked.items()}
    cautious = {name: statistic for name, statistic in lower.items() if statistic is not None}
    found = estimates(statistics, subjects, cautious=cautious)
    return {
        name: as_score(name, metric, found[name], metric.counted(outcome))
        for name, (metric, outcome) in asked.items()
    }


def as_score(name: str, metric: Metric[Any], interval: Interval, n: int) -> Score:
    """What a metric found over n images, as it is reported."""
    return Score(
        metric=name,
        value=interval.value,
        low=interval.low,
        high=interval.high,
        n=n,
        direction=metric.direction,
        metric_version=metric.version,
    )


def replicate_weights(subjects: Sequence[str], replicates: int, seed: int) -> Iterator[Values]:
    """Yield how often each replicate drew each image: (up to B, N) whole numbers as float64."""
    subject_of = numbered(subjects)
    groups = int(subject_of.max()) + 1
    rows = max(1, CHUNK_WEIGHTS // len(subject_of))
    for draws in subject_draws(groups, replicates, seed, rows):
        yield draws[:, subject_of]
