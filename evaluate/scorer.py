"""Score a prediction file: every metric of its track, with intervals, beside the trivial anchors.

Scores are bit for bit the same on every run, whatever the row order and the number of threads.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..schemas import (
    BadPredictions,
    Direction,
    Release,
    Score,
    ScoreReport,
    Track,
    aligned,
    read_predictions,
)
from ..schemas.scores import HEADLINE
from .anchors import TRIVIAL, attribute_anchors, reconstruction_anchors
from .intervals import estimates
from .metrics import AttributeOutcome, ReconstructionOutcome, metrics_of
from .records import Records, read_truth

Scores = dict[str, Score]
Outcome = AttributeOutcome | ReconstructionOutcome


def score(release: Release, predictions: Path, truth: Path | None = None) -> ScoreReport:
    """Score a prediction file of `release`, with 95 % bootstrap intervals over subjects.

    The answers of `test` are read from the folder `truth` (default: `<release>-truth`). Raises
    `BadPredictions` where the file cannot be scored as it is, `MissingData` where the truth is not
    there, and `UsageError` where the split is too small for a metric or an interval.
    """
    given = read_predictions(predictions, release.manifest)
    header = given.header
    if header.split == "auxiliary":
        raise BadPredictions(
            f"{predictions}: attacks are trained on 'auxiliary', so predictions of it show "
            "nothing; predict 'validation' or 'test'"
        )
    records = _asked(read_truth(release, header.split, truth), header.asked, predictions)
    values = aligned(given, records.sample_id, predictions)
    outcome, anchored = _outcomes(header.track, release, records, values)
    subjects = records.subject or ()
    scores = _scores(header.track, outcome, subjects)
    anchors = {name: _scores(header.track, other, subjects) for name, other in anchored.items()}
    return ScoreReport(
        release=release.manifest.name,
        fingerprint=release.manifest.fingerprint,
        attack=header.attack,
        options=header.options,
        ceiling=header.ceiling,
        track=header.track,
        setting=header.setting,
        split=header.split,
        asked=header.asked,
        scores=scores,
        missing=_missing(header.track, outcome),
        anchors=anchors,
        flags=_flags(HEADLINE[header.track], scores, anchors),
        leakboard_version=version("leakboard"),
    )


def _asked(records: Records, asked: int | None, path: Path) -> Records:
    """Keep the images that the predictions say they were asked about: all, or the first."""
    if asked is not None and asked > len(records):
        raise BadPredictions(
            f"{path}: asked about {asked} images, but {records.split!r} has {len(records)}; "
            "write how many were asked about, or leave it out for all"
        )
    return records if asked is None else records.of_first_images(asked)


def _outcomes(
    track: Track, release: Release, records: Records, values: NDArray[Any]
) -> tuple[Outcome, dict[str, Outcome]]:
    """Put predictions, and those of each anchor, beside the truth."""
    if track is Track.RECONSTRUCTION:
        rebuilt = reconstruction_anchors(release, records)
        return ReconstructionOutcome(values, rebuilt["copy"]), {
            name: ReconstructionOutcome(images, rebuilt["copy"]) for name, images in rebuilt.items()
        }
    guesses = attribute_anchors(release, records)
    labels = records.known("sensitive").numpy()
    right = {name: guess.argmax(axis=1) == labels for name, guess in guesses.items()}
    return AttributeOutcome(values, labels, **right), {
        name: AttributeOutcome(guess, labels, **right) for name, guess in guesses.items()
    }


def _scores(track: Track, outcome: Outcome, subjects: Sequence[str]) -> Scores:
    metrics = {n: m for n, m in metrics_of(track).items() if m.lacks(outcome) is None}
    statistics = {name: metric.statistic(outcome) for name, metric in metrics.items()}
    return {
        name: Score(
            metric=name,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=len(subjects),
            direction=metrics[name].direction,
            metric_version=metrics[name].version,
        )
        for name, estimate in estimates(statistics, subjects).items()
    }


def _missing(track: Track, outcome: Outcome) -> dict[str, str]:
    """Say of each metric of the track that cannot judge these images what it lacks."""
    reasons = {name: metric.lacks(outcome) for name, metric in metrics_of(track).items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _flags(headline: str, scores: Scores, anchors: Mapping[str, Scores]) -> tuple[str, ...]:
    own = scores[headline]
    trivial = {name: anchors[name][headline] for name in TRIVIAL if name in anchors}
    best = max(trivial, key=lambda name: _leakage(trivial[name]))
    if _leakage(own) >= _leakage(trivial[best]):
        return ()
    return (
        f"attack below a trivial anchor: {headline} {own.value:.3f}, "
        f"but {best} has {trivial[best].value:.3f}",
    )


def _leakage(score: Score) -> float:
    return score.value if score.direction is Direction.HIGHER_LEAKS_MORE else -score.value
