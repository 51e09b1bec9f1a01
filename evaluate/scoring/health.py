"""Health flags: reasons to doubt a score that its prediction file and release alone give away.

Those that need other scores beside it are in `leaderboard.health`.

Legend: N images, S image side in pixels.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ...schemas import Direction, PredictionHeader, Release, Score, Setting
from ...schemas.floors import BesideFloor
from ..metrics import Images, MeanMetric, ReconstructionOutcome, Values, mean_of
from ..reading.records import Records
from .anchors import TRIVIAL
from .intervals import estimates

Scores = Mapping[str, Score]

EXACT = 1e-9  # utilities are ratios of whole numbers
CHECKED = 1000  # images whose reconstructions are compared with another's input
SHARPNESS = 2.0  # times the total variation of the inputs, or a fraction of it, that looks real


def below_trivial_anchor(own: Score, anchors: Mapping[str, Scores]) -> str | None:
    """Flag an attack that a guess which uses neither activation nor answer surpasses."""
    trivial = {name: anchors[name][own.metric] for name in TRIVIAL if name in anchors}
    best = max(trivial, key=lambda name: _leakage(trivial[name]))
    if _leakage(own) >= _leakage(trivial[best]):
        return None
    return (
        f"attack below a trivial anchor: {own.metric} {own.value:.3f}, "
        f"but {best} has {trivial[best].value:.3f}"
    )


def not_averaged(header: PredictionHeader, release: Release) -> str | None:
    """Flag an attack on a randomized defense that saw each image once.

    What a fresh draw of noise hides from one look, the mean of repeated queries shows.
    """
    if header.ceiling or header.repeated_queries or not release.manifest.defense.randomized:
        return None
    return "randomized defense attacked without averaging its repeated queries"


def other_weights(release: Release, records: Records) -> str | None:
    """Flag a stated utility that the released task logits do not have.

    The fingerprint vouches for the logits, not for measurements.json.
    """
    stated = release.utility(records.split).value
    right = records.task_logits.argmax(dim=1) == records.known("task")
    found = int(right.sum()) / len(records)
    if abs(stated - found) <= EXACT:
        return None
    return (
        f"utility measured on other weights: measurements.json says {stated:.3f}, "
        f"but the released task logits have {found:.3f}"
    )


def prior_hallucination(
    outcome: ReconstructionOutcome,
    own: Values,
    metric: MeanMetric[ReconstructionOutcome],
    subjects: Sequence[str],
) -> str | None:
    """Flag images that look real but show somebody else.

    Reconstructions as sharp as the inputs (total variation within a factor of 2) should be nearer
    to their own input, by `own` (N,), than to the input of another subject; where the 95 %
    interval of the difference does not lie above 0 they are what the attack knew beforehand.
    """
    rows = np.arange(min(len(own), CHECKED))
    others = np.roll(rows, len(rows) // 2)
    names = np.asarray(subjects)
    apart = names[rows] != names[others]
    rows, others = rows[apart], others[apart]
    predicted, truth = outcome.predicted[rows], outcome.truth[rows]
    drawn, real = _variation(predicted), _variation(truth)
    if not real / SHARPNESS <= drawn <= real * SHARPNESS:
        return None
    foreign = metric.per_image(ReconstructionOutcome(predicted, outcome.truth[others]))
    gain = estimates({"gain": mean_of(own[rows] - foreign)}, names[rows].tolist())["gain"]
    if gain.low > 0:
        return None
    return (
        "prior hallucination: as sharp as real images, but no nearer to their own input "
        f"({own[rows].mean():.3f}) than to another's ({foreign.mean():.3f})"
    )


def below_floors(header: PredictionHeader, floors: Sequence[BesideFloor]) -> Iterator[str]:
    """Raise the alarm where an attack errs less than a floor allows and no pairs explain it.

    Floors are of unbiased estimators. Who learned from pairs what images look like is biased and
    may err less; one that knows the client's weights alone should not, unless a prior of its own or
    the range of pixels helps it, or the floor is wrong.
    """
    if header.setting is not Setting.WHITEBOX:
        return
    for beside in floors:
        if beside.beaten:
            yield (
                f"attack below the {beside.bound} floor: its squared error is "
                f"{beside.ratio.value:.3g} ({beside.ratio.low:.3g} to {beside.ratio.high:.3g}) of "
                "the least of any unbiased estimator; it is biased, or the floor is wrong"
            )


def _variation(images: Images) -> float:
    """Sum the steps between neighbouring pixels of images (N, S, S, 3)."""
    levels = images.astype(np.float64)
    return float(sum(np.abs(np.diff(levels, axis=axis)).sum() for axis in (1, 2)))


def _leakage(score: Score) -> float:
    return score.value if score.direction is Direction.HIGHER_LEAKS_MORE else -score.value
