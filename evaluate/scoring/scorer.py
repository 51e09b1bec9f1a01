"""Score a prediction file: every metric of its track, with intervals, beside the trivial anchors.

Scores are bit for bit the same on every run, whatever the row order and the number of threads.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schemas import (
    BadPredictions,
    ChecksumMismatch,
    ImageValues,
    PredictionHeader,
    Release,
    Score,
    ScoreReport,
    Track,
    ValuesHeader,
    aligned,
    read_predictions,
)
from ...schemas.bounds import ReleaseBounds
from ...schemas.floors import BesideFloor
from ...schemas.scores import HEADLINE, IDENTITY
from ..judging.identity import Lineup
from ..judging.judges import Judge
from ..metrics import MeanMetric, ReconstructionOutcome, Values, mean_of, metrics_of
from ..metrics._identity import IdentityMetric
from ..reading.records import Records, read_truth
from . import health
from .beside_floors import beside_floors
from .intervals import with_intervals
from .outcomes import GUESSES, Outcome, Views, beside_truth, lineups_of, views_of
from .repeated import of_repeated_images, sees_repeated_queries

Scores = dict[str, Score]


@dataclass(frozen=True)
class Scored:
    """The report of a prediction file, and what each image contributes to its headline."""

    report: ScoreReport
    values: ImageValues


def score(
    release: Release,
    predictions: Path,
    truth: Path | None = None,
    judges: Sequence[Judge] = (),
    bounds: ReleaseBounds | None = None,
) -> ScoreReport:
    """Score a prediction file of `release`, with 95 % bootstrap intervals over subjects.

    The answers of `test` are read from the folder `truth` (default: `<release>-truth`). `judges`
    look for people in reconstructions: the first gives `rank1`, a further one `rank1@NAME`. Errors
    of a reconstruction stand beside the floors of `bounds`, measured on the same images.
    Raises `BadPredictions` where the file cannot be scored as it is, `MissingData` where the truth
    is not there, `ChecksumMismatch` where the bounds are of another release, and `UsageError` where
    the split is too small for a metric or an interval, or is not for a judge to judge.
    """
    return scored(release, predictions, truth, judges, bounds).report


def scored(
    release: Release,
    predictions: Path,
    truth: Path | None = None,
    judges: Sequence[Judge] = (),
    bounds: ReleaseBounds | None = None,
) -> Scored:
    """Score as `score` does, and keep what each image contributes, for later comparison."""
    return Scorer(release, truth, judges, bounds).scored(predictions)


@dataclass(frozen=True)
class Scorer:
    """Scores prediction files of one release, and reads the answers of each split once."""

    release: Release
    truth: Path | None = None
    judges: Sequence[Judge] = ()
    bounds: ReleaseBounds | None = None
    _answers: dict[str, Records] = field(default_factory=dict)

    def scored(self, predictions: Path) -> Scored:
        """Score a prediction file as `score` does, and raise what it raises."""
        given = read_predictions(predictions, self.release.manifest)
        header = given.header
        refuse_training_data(header, predictions)
        if header.split not in self._answers:
            self._answers[header.split] = read_truth(self.release, header.split, self.truth)
        everyone = self._answers[header.split]
        records = asked_about(everyone, header, predictions)
        answers = aligned(given, records.sample_id, predictions)
        return _scored(self, header, everyone, records, answers)


def _scored(
    scorer: Scorer,
    header: PredictionHeader,
    everyone: Records,
    records: Records,
    answers: NDArray[Any],
) -> Scored:
    release = scorer.release
    guesses = GUESSES[header.track](release, records)
    anchored = beside_truth(header.track, records, guesses, guesses)
    outcome = beside_truth(header.track, records, {"attack": answers}, guesses)["attack"]
    subjects = records.subject or ()
    lineups = lineups_of(scorer.judges, release, header, records)
    views, values = views_of(outcome, lineups), _headline(header.track).per_image(outcome)
    scores = _scores(header.track, views, values, subjects)
    if sees_repeated_queries(header, release.manifest):
        scores |= of_repeated_images(release, records, header.track, values)
    anchors = {
        name: _judged(header.track, other, lineups, subjects) for name, other in anchored.items()
    }
    floors = _floors(scorer, header, outcome, records)
    flags = (
        health.below_trivial_anchor(scores[HEADLINE[header.track]], anchors),
        health.not_averaged(header, release),
        health.other_weights(release, everyone),
        _hallucination(header.track, outcome, values, subjects),
        *health.below_floors(header, floors),
    )
    report = ScoreReport(
        release=release.manifest.name,
        **header.model_dump(include=IDENTITY | {"ceiling"}),
        scores=scores,
        missing=_missing(header.track, views[""]),
        judges=tuple(lineup.facts for lineup in lineups),
        anchors=anchors,
        floors=floors,
        flags=tuple(flag for flag in flags if flag),
        leakboard_version=version("leakboard"),
    )
    return Scored(report, _image_values(report, records, values))


def refuse_training_data(header: PredictionHeader, predictions: Path) -> None:
    """Raise `BadPredictions` for predictions of what attacks are trained on."""
    if header.split == "auxiliary":
        raise BadPredictions(
            f"{predictions}: attacks are trained on 'auxiliary', so predictions of it show "
            "nothing; predict 'validation' or 'test'"
        )


def asked_about(records: Records, header: PredictionHeader, predictions: Path) -> Records:
    """Keep the images that the predictions say they were asked about: all, or the first."""
    if header.asked is None:
        return records
    if header.asked > len(records):
        raise BadPredictions(
            f"{predictions}: asked about {header.asked} images, but {records.split!r} has "
            f"{len(records)}; write how many were asked about, or leave it out for all"
        )
    return records.of_first_images(header.asked)


def _headline(track: Track) -> MeanMetric[Any]:
    """The metric a track is ranked by: a mean over images, so that images can be compared."""
    metric = metrics_of(track)[HEADLINE[track]]
    assert isinstance(metric, MeanMetric)
    return metric


def _scores(track: Track, views: Views, headline: Values, subjects: Sequence[str]) -> Scores:
    """Score every metric of the track; what further judges see, by those of identity alone."""
    asked = {
        f"{name}{suffix}": (metric, view)
        for suffix, view in views.items()
        for name, metric in metrics_of(track).items()
        if metric.lacks(view) is None and (not suffix or isinstance(metric, IdentityMetric))
    }
    return with_intervals(asked, subjects, {HEADLINE[track]: mean_of(headline)})


def _judged(
    track: Track, outcome: Outcome, lineups: Sequence[Lineup], subjects: Sequence[str]
) -> Scores:
    """Score what a yardstick says, as the judges and metrics see it."""
    values = _headline(track).per_image(outcome)
    return _scores(track, views_of(outcome, lineups), values, subjects)


def _missing(track: Track, outcome: Outcome) -> dict[str, str]:
    """Say of each metric of the track that cannot judge these images what it lacks."""
    reasons = {name: metric.lacks(outcome) for name, metric in metrics_of(track).items()}
    return {name: reason for name, reason in reasons.items() if reason is not None}


def _hallucination(
    track: Track, outcome: Outcome, values: Values, subjects: Sequence[str]
) -> str | None:
    if not isinstance(outcome, ReconstructionOutcome):
        return None
    return health.prior_hallucination(outcome, values, _headline(track), subjects)


def _floors(
    scorer: Scorer, header: PredictionHeader, outcome: Outcome, records: Records
) -> tuple[BesideFloor, ...]:
    """Put the errors of a reconstruction, but of no yardstick, beside the floors of its images."""
    bounds, release = scorer.bounds, scorer.release
    if bounds is None or header.ceiling or not isinstance(outcome, ReconstructionOutcome):
        return ()
    if bounds.fingerprint != release.manifest.fingerprint:
        raise ChecksumMismatch(
            f"the bounds are of the release {bounds.fingerprint[:12]}…, but {release.folder} is "
            f"{release.manifest.fingerprint[:12]}…; measure the bounds of this release"
        )
    errors = 255 * np.sqrt(outcome.errors[1])
    seen = (header.repeated_queries, records.sample_id, errors, records.subject or ())
    return beside_floors(bounds, *seen)


def _image_values(report: ScoreReport, records: Records, values: Values) -> ImageValues:
    inputs = records.known("inputs").numpy()
    digests = [hashlib.sha256(pixels).hexdigest()[:32] for pixels in inputs]
    order = sorted(range(len(records)), key=lambda row: (digests[row], records.image_id[row]))
    subjects = records.subject or ()
    return ImageValues(
        ValuesHeader(
            fingerprint=report.fingerprint,
            split=report.split,
            attack=report.attack,
            metric=report.headline.metric,
            metric_version=report.headline.metric_version,
        ),
        [digests[row] for row in order],
        [subjects[row] for row in order],
        values[np.array(order)],
    )
