"""True-positive rate at a false-positive rate of 1 %."""

from ...schemas import Track
from . import AttributeOutcome, Metric, Statistic, Values
from ._roc import one_vs_rest

NEGATIVES_PER_FALSE_POSITIVE = 100  # 1 %, as a whole number so that the comparison is exact


class TprAtFpr(Metric[AttributeOutcome]):
    """Share of a class that is recognised at 1 % false positives, averaged over classes.

    One class against the rest, at the lowest threshold whose false-positive rate is at most 1 %;
    equal scores are accepted or refused together. Classes without images are left out.
    """

    track = Track.ATTRIBUTE
    range = (0.0, 1.0)

    def statistic(self, outcome: AttributeOutcome) -> Statistic:
        """Sort the images once per class."""
        return one_vs_rest(outcome, _pairs_at_threshold)

    def cautious(self, outcome: AttributeOutcome) -> Statistic:
        """Count one false positive more than the images show.

        The threshold is among the highest scores of other classes; the highest of all that could
        have been drawn is not in the sample, nor in any replicate of it. With 100 images of other
        classes the true rate at the threshold is about 2 %, not 1 %.
        """
        return one_vs_rest(outcome, _pairs_at_cautious_threshold)


def _pairs_at_cautious_threshold(hits: Values, false: Values) -> Values:
    negatives = false[:, -1]
    allowed = NEGATIVES_PER_FALSE_POSITIVE * (false + 1) <= negatives[:, None] + 1
    recognised: Values = (hits * allowed).max(axis=1)
    return recognised * negatives


def _pairs_at_threshold(hits: Values, false: Values) -> Values:
    negatives = false[:, -1]
    allowed = NEGATIVES_PER_FALSE_POSITIVE * false <= negatives[:, None]
    recognised: Values = (hits * allowed).max(axis=1)
    return recognised * negatives
