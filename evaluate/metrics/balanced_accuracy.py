"""Balanced accuracy."""

import numpy as np

from ...schemas import Track
from . import AttributeOutcome, Metric, Statistic, Values
from ._macro import macro


class BalancedAccuracy(Metric[AttributeOutcome]):
    """Mean over classes of the share of their images that are recognised.

    The mean is over the classes that are present, in a bootstrap replicate as in the split.
    """

    track = Track.ATTRIBUTE
    range = (0.0, 1.0)

    def statistic(self, outcome: AttributeOutcome) -> Statistic:
        """Sort the images by class once."""
        correct = outcome.correct.astype(float)
        members = [np.flatnonzero(outcome.labels == label) for label in np.unique(outcome.labels)]

        def mean_recall(weights: Values) -> Values:
            recognised = [(weights[:, rows] * correct[rows]).sum(axis=1) for rows in members]
            present = [weights[:, rows].sum(axis=1) for rows in members]
            return macro(np.stack(recognised), np.stack(present))

        return mean_recall
