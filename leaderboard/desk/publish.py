"""What the board shows of a submission: who made it, and its scores to the stated precision."""

import math

from ...schemas import LeaderboardRow, Release, Score, ScoreReport
from ...schemas.scores import PublishedSubmission
from ...schemas.submission import Model
from ..store.entry import entry
from .desk import Received

COARSE = 10  # images: no published score is rounded by more than so many make


def published(
    release: Release,
    received: Received,
    report: ScoreReport,
    like: str | None,
    reserve: Score | None = None,
) -> LeaderboardRow:
    """The entry of a scored submission; scores on `test` and on the `reserve` are rounded.

    Verified where the organiser ran a model, declared where predictions were submitted.

    `like` is an earlier submission that says nearly the same.
    """
    submission = received.submission
    facts = PublishedSubmission(
        id=received.id,
        name=submission.name,
        authors=submission.authors,
        paper=submission.paper,
        licence=submission.licence,
        decimals=_decimals(report),
        like=like,
        reserve=None if reserve is None else shown_reserve(reserve),
    )
    verified = isinstance(submission.content, Model)
    row = entry(release, shown(report), received.time, verified)
    return row.model_copy(update={"submission": facts})


def decimals_for(images: int) -> int:
    """The decimals of a score over so many images: a step is one to ten images' worth.

    >>> decimals_for(900), decimals_for(10_000)
    (2, 3)
    """
    return max(0, -math.floor(math.log10(COARSE / images)))


def shown(report: ScoreReport) -> ScoreReport:
    """The report as it is published: on `test`, whose answers are withheld, rounded."""
    decimals = _decimals(report)
    if decimals is None:
        return report

    def rounded(scores: dict[str, Score]) -> dict[str, Score]:
        return {name: _round(score, decimals) for name, score in scores.items()}

    anchors = {name: rounded(scores) for name, scores in report.anchors.items()}
    return report.model_copy(update={"scores": rounded(report.scores), "anchors": anchors})


def shown_reserve(score: Score) -> Score:
    """A score on the reserve as it is published."""
    return _round(score, decimals_for(score.n))


def _decimals(report: ScoreReport) -> int | None:
    return decimals_for(report.headline.n) if report.split == "test" else None


def _round(score: Score, decimals: int) -> Score:
    ends = ("value", "low", "high")
    return score.model_copy(update={end: round(getattr(score, end), decimals) for end in ends})
