"""Compare two attacks on the same images: a paired test, an interval, and what n can show.

Legend: N images, G subjects, B replicates.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ...schemas import (
    BadPredictions,
    Compared,
    Comparison,
    ComparisonReport,
    PredictionHeader,
    Release,
    Score,
    Track,
    aligned,
    read_predictions,
)
from ...schemas.comparison import POWER, SIGNIFICANCE
from ...schemas.resampling import (
    CHUNK_WEIGHTS,
    LEVEL,
    REPLICATES,
    SEED,
    holm,
    numbered,
    percentiles,
)
from ..metrics import MeanMetric, Metric, Statistic, Values, mean_of, metrics_of
from ..reading.records import read_truth
from .intervals import replicate_weights
from .outcomes import GUESSES, Outcome, beside_truth
from .scorer import asked_about, refuse_training_data

ROUNDING = 1e-12  # swapped differences below the observed one by less are its equals


@dataclass(frozen=True)
class Pair:
    """One metric of two attacks: of either alone, and of both sets of predictions together.

    `either` takes weights (B, 2 N): the images as `a` predicted them, then as `b` did.
    """

    metric: Metric[Any]
    a: Statistic
    b: Statistic
    either: Statistic


def compare(release: Release, a: Path, b: Path, truth: Path | None = None) -> ComparisonReport:
    """Compare two prediction files for one split of `release` by every metric of their track.

    Where one was asked about the first images only, both are compared on these. Raises
    `BadPredictions` where one cannot be scored or they answer different questions, and
    `MissingData` where the truth of `test` is not there.
    """
    given = [read_predictions(path, release.manifest) for path in (a, b)]
    first, second = (predictions.header for predictions in given)
    refuse_training_data(first, a)
    if (first.track, first.split) != (second.track, second.split):
        raise BadPredictions(
            f"{b}: predicts {second.track} of {second.split!r}, but {a} predicts {first.track} of "
            f"{first.split!r}; compare predictions of the same images"
        )
    everyone = read_truth(release, first.split, truth)
    asked = [
        asked_about(everyone, one.header, path) for one, path in zip(given, (a, b), strict=True)
    ]
    records = min(asked, key=len)  # the first of the split, which both were asked about
    answers = {
        "a": aligned(given[0], asked[0].sample_id, a)[: len(records)],
        "b": aligned(given[1], asked[1].sample_id, b)[: len(records)],
    }
    guesses = GUESSES[first.track](release, records) if first.track is Track.ATTRIBUTE else {}
    outcomes = beside_truth(first.track, records, answers, guesses)
    subjects = records.subject or ()
    return ComparisonReport(
        release=release.manifest.name,
        fingerprint=release.manifest.fingerprint,
        track=first.track,
        split=first.split,
        a=_compared(first),
        b=_compared(second),
        n=len(records),
        subjects=len(set(subjects)),
        metrics=compared(pairs(first.track, outcomes["a"], outcomes["b"]), subjects),
        leakboard_version=version("leakboard"),
    )


def pairs(track: Track, a: Outcome, b: Outcome) -> dict[str, Pair]:
    """Prepare every metric that can judge both, but each difference only once.

    An advantage over a guess differs by as much as the accuracy does, image by image.
    """
    found: dict[str, Pair] = {}
    differences: list[Values] = []
    for name, metric in metrics_of(track).items():
        if metric.lacks(a) or metric.lacks(b):
            continue
        if not isinstance(metric, MeanMetric):
            both = metric.statistic(_together(a, b))
            found[name] = Pair(metric, metric.statistic(a), metric.statistic(b), both)
            continue
        of_a, of_b = metric.per_image(a), metric.per_image(b)
        if any(np.array_equal(of_a - of_b, known) for known in differences):
            continue
        differences.append(of_a - of_b)
        both = mean_of(np.concatenate([of_a, of_b]))
        found[name] = Pair(metric, mean_of(of_a), mean_of(of_b), both)
    return found


def compared(
    prepared: Mapping[str, Pair],
    subjects: Sequence[str],
    replicates: int = REPLICATES,
    seed: int = SEED,
) -> dict[str, Comparison]:
    """Test every metric; the p-values are corrected for their number (Holm 1979)."""
    p = {n: p_of_swaps(pair, subjects, replicates, seed) for n, pair in prepared.items()}
    adjusted = holm(p)
    return {
        name: Comparison(
            p=p[name],
            p_adjusted=adjusted[name],
            tied=adjusted[name] > SIGNIFICANCE,
            **_measured(name, pair, subjects, replicates, seed),
        )
        for name, pair in prepared.items()
    }


def p_of_swaps(
    pair: Pair, subjects: Sequence[str], replicates: int = REPLICATES, seed: int = SEED
) -> float:
    """Swap the two attacks, subject by subject, and see how often that tells them further apart.

    If it makes no difference which of the two predicted a subject's images, swapping them changes
    nothing but chance, so the share of random swaps with a difference at least as large as the
    observed one is an exact p-value at any n (Noreen 1989). The observed arrangement counts as one
    of them (Phipson and Smyth 2010), so it is never 0, and for two equal files it is 1.
    """
    swapped = np.concatenate(
        [
            pair.either(np.hstack([kept, 1 - kept])) - pair.either(np.hstack([1 - kept, kept]))
            for kept in _swaps(subjects, replicates, seed)
        ]
    )
    everyone = np.ones((1, len(subjects)))
    observed = np.abs(pair.a(everyone) - pair.b(everyone))
    as_large = int((np.abs(swapped) >= observed - ROUNDING).sum())
    return (as_large + 1) / (replicates + 1)


def _swaps(subjects: Sequence[str], replicates: int, seed: int) -> Iterator[Values]:
    """Yield which images keep their attack, 1, and which change, 0; whole subjects: (B, N)."""
    subject_of = numbered(subjects)
    generator = np.random.default_rng(seed)
    rows = max(1, CHUNK_WEIGHTS // len(subject_of))
    for start in range(0, replicates, rows):
        size = (min(rows, replicates - start), int(subject_of.max()) + 1)
        yield generator.integers(2, size=size)[:, subject_of].astype(np.float64)


def _together(a: Outcome, b: Outcome) -> Outcome:
    """Both sets of predictions as one: 2 N images, those of `a` first."""
    given = [field.name for field in fields(a) if getattr(a, field.name) is not None]
    both: Any = {name: np.concatenate([getattr(a, name), getattr(b, name)]) for name in given}
    return replace(a, **both)


def _measured(
    name: str, pair: Pair, subjects: Sequence[str], replicates: int, seed: int
) -> dict[str, Any]:
    """Both scores and their difference, with intervals from the same replicates."""
    groups = len(set(subjects))
    weights = replicate_weights(subjects, replicates, seed)
    drawn = [(pair.a(one), pair.b(one)) for one in weights]
    drawn_a, drawn_b = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    everyone = np.ones((1, len(subjects)))
    a, b = float(pair.a(everyone)[0]), float(pair.b(everyone)[0])
    low, high = percentiles(drawn_a - drawn_b, groups)

    def scored(value: float, replicates: Values) -> Score:
        ends = percentiles(replicates, groups)
        return Score(
            metric=name,
            value=value,
            low=ends[0],
            high=ends[1],
            n=len(subjects),
            direction=pair.metric.direction,
            metric_version=pair.metric.version,
        )

    return {
        "a": scored(a, drawn_a),
        "b": scored(b, drawn_b),
        "difference": a - b,
        "low": low,
        "high": high,
        "detectable": detectable(drawn_a - drawn_b, groups),
    }


def detectable(drawn: Values, groups: int) -> float | None:
    """Smallest true difference that a test of level .05 finds with a probability of .8.

    From the replicates (B,) of the difference of G subjects; None where they do not vary.
    """
    error = float(np.nanstd(drawn)) * math.sqrt(groups / (groups - 1))
    if error == 0:
        return None
    quantiles = stdtrit(groups - 1, [(1 + LEVEL) / 2, POWER])
    return error * float(quantiles.sum())


def _compared(header: PredictionHeader) -> Compared:
    return Compared(
        attack=header.attack,
        options=header.options,
        setting=header.setting,
        auxiliary_records=header.auxiliary_records,
    )
