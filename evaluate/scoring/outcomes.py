"""Predictions beside the truth: what metrics judge, and how a judge of people sees it.

Legend: N images, S image side in pixels, K sensitive classes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from numpy.typing import NDArray

from ...schemas import PredictionHeader, Release, Track, UsageError
from ..judging.identity import Lineup
from ..judging.judges import Judge
from ..metrics import AttributeOutcome, ReconstructionOutcome
from ..reading.records import Records
from .anchors import attribute_anchors, reconstruction_anchors

Guesses = Mapping[str, NDArray[Any]]
Outcome = AttributeOutcome | ReconstructionOutcome
Views = Mapping[str, Outcome]  # by what is added to the names of the metrics that look at it

GUESSES: dict[Track, Callable[[Release, Records], Guesses]] = {
    Track.ATTRIBUTE: attribute_anchors,
    Track.RECONSTRUCTION: reconstruction_anchors,
}


def beside_truth(
    track: Track, records: Records, answers: Mapping[str, NDArray[Any]], guesses: Guesses
) -> dict[str, Outcome]:
    """Put sets of predictions beside the truth, and beside what the trivial guesses get right.

    Answers are (N, K) probabilities or (N, S, S, 3) images.
    """
    if track is Track.RECONSTRUCTION:
        inputs = records.known("inputs").permute(0, 2, 3, 1).numpy()
        return {name: ReconstructionOutcome(images, inputs) for name, images in answers.items()}
    labels, task = records.known("sensitive").numpy(), records.known("task").numpy()
    right = {name: guess.argmax(axis=1) == labels for name, guess in guesses.items()}
    return {
        name: AttributeOutcome(said, labels, **right, task=task) for name, said in answers.items()
    }


def lineups_of(
    judges: Sequence[Judge], release: Release, header: PredictionHeader, records: Records
) -> list[Lineup]:
    """Show each judge the gallery of the split; `UsageError` for one that may not judge it."""
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


def views_of(outcome: Outcome, lineups: Sequence[Lineup]) -> Views:
    """Show the images to each judge; to nobody, where there is no judge."""
    if not lineups or isinstance(outcome, AttributeOutcome):
        return {"": outcome}
    names = ["", *(f"@{lineup.judge.name}" for lineup in lineups[1:])]
    return {
        name: replace(outcome, identity=lineup.identify(outcome.predicted))
        for name, lineup in zip(names, lineups, strict=True)
    }
