"""Area under the receiver operating characteristic."""

import numpy as np

from ...schemas import Track
from . import AttributeOutcome, Metric, Statistic, Values
from ._roc import one_vs_rest


class Auc(Metric[AttributeOutcome]):
    """Chance that an image of a class is ranked above one of another, averaged over classes.

    One class against the rest, ties count half, classes without images are left out.
    """

    track = Track.ATTRIBUTE
    range = (0.0, 1.0)

    def statistic(self, outcome: AttributeOutcome) -> Statistic:
        """Sort the images once per class."""
        return one_vs_rest(outcome, _pairs_in_order)


def _pairs_in_order(hits: Values, false: Values) -> Values:
    return np.asarray(np.trapezoid(hits, false, axis=1))
