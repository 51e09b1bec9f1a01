"""Score a prediction file: every metric of its track, with intervals, beside the trivial anchors.

Scores are bit for bit the same on every run, whatever the row order and the number of threads.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ..schemas import (
    BadPredictions,
    Direction,
    PredictionHeader,
    Release,
    Score,
    ScoreReport,
    Track,
    UsageError,
    aligned,
    read_predictions,
)
from ..schemas.scores import HEADLINE
from .anchors import TRIVIAL, attribute_anchors, reconstruction_anchors
from .identity import Lineup
from .intervals import estimates
from .judges import Judge
from .metrics import AttributeOutcome, Metric, ReconstructionOutcome, metrics_of
from .metrics._identity import IdentityMetric
from .records import Records, read_truth

Scores = dict[str, Score]
Outcome = AttributeOutcome | ReconstructionOutcome
Views = dict[str, Outcome]  # by what is added to the names of the metrics that look at it


def score(
    release: Release,
    predictions: Path,
    truth: Path | None = None,
    judges: Sequence[Judge] = (),
) -> ScoreReport:
    """Score a prediction file of `release`, with 95 % bootstrap intervals over subjects.

    The answers of `test` are read from the folder `truth` (default: `<release>-truth`). `judges`
    look for people in reconstructions: the first gives `rank1`, a further one `rank1@NAME`.
    Raises `BadPredictions` where the file cannot be scored as it is, `MissingData` where the truth
    is not there, and `UsageError` where the split is too small for a metric or an interval, or is
    not for a judge to judge.
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
    lineups = _lineups(judges, release, header, records)
    views = _views(outcome, lineups)
    scores = _scores(header.track, views, subjects)
    anchors = {
        name: _scores(header.track, _views(other, lineups), subjects)
        for name, other in anchored.items()
    }
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
        missing=_missing(header.track, views[""]),
        judges=tuple(lineup.facts for lineup in lineups),
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
    task = records.known("task").numpy()
    return AttributeOutcome(values, labels, **right, task=task), {
        name: AttributeOutcome(guess, labels, **right, task=task) for name, guess in guesses.items()
    }


def _lineups(
    judges: Sequence[Judge], release: Release, header: PredictionHeader, records: Records
) -> list[Lineup]:
    """Show each judge the gallery of the split; refuse those that may not judge it."""
    names = [judge.name for judge in judges]
    if judges and header.track is not Track.RECONSTRUCTION:
        raise UsageError(
            f"a judge looks at reconstructions, but this file is of the {header.track} track; "
            "leave out --judge"
        )
    if len(set(names)) < len(names):
        raise UsageError(f"two judges have one name among {', '.join(names)}; rename a file")
    for judge in judges:
        judge.check(release, header.split)
    images = records.known("inputs").permute(0, 2, 3, 1).numpy()
    return [Lineup.of(judge, images, records.subject or ()) for judge in judges]


def _views(outcome: Outcome, lineups: Sequence[Lineup]) -> Views:
    """Show the images to each judge; to nobody, where there is no judge."""
    if not lineups or isinstance(outcome, AttributeOutcome):
        return {"": outcome}
    names = ["", *(f"@{lineup.judge.name}" for lineup in lineups[1:])]
    return {
        name: replace(outcome, identity=lineup.identify(outcome.predicted))
        for name, lineup in zip(names, lineups, strict=True)
    }


def _scores(track: Track, views: Views, subjects: Sequence[str]) -> Scores:
    """Score every metric of the track; what further judges see, by those of identity alone."""
    asked = {
        f"{name}{suffix}": (metric, view)
        for suffix, view in views.items()
        for name, metric in metrics_of(track).items()
        if metric.lacks(view) is None and (not suffix or isinstance(metric, IdentityMetric))
    }
    return scored(asked, subjects)


def scored(asked: Mapping[str, tuple[Metric[Any], Outcome]], subjects: Sequence[str]) -> Scores:
    """Score metrics of outcomes of N images of `subjects`; all see the same replicates."""
    statistics = {name: metric.statistic(outcome) for name, (metric, outcome) in asked.items()}
    return {
        name: Score(
            metric=name,
            value=estimate.value,
            low=estimate.low,
            high=estimate.high,
            n=asked[name][0].counted(asked[name][1]),
            direction=asked[name][0].direction,
            metric_version=asked[name][0].version,
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
