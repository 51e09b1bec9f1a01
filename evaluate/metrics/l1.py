"""Mean absolute error."""

import numpy as np

from ...schemas import Direction
from . import ReconstructionMetric, Values


class L1(ReconstructionMetric):
    """Mean absolute difference of the pixel values in [0, 1]."""

    direction = Direction.LOWER_LEAKS_MORE
    range = (0.0, 1.0)

    def compare(self, predicted: Values, truth: Values) -> Values:
        """Average |difference| within each image."""
        distances: Values = np.abs(predicted - truth).mean(axis=(1, 2, 3))
        return distances
