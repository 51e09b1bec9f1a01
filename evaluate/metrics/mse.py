"""Mean squared error."""

import numpy as np

from ...schemas import Direction
from . import ReconstructionMetric, Values


class Mse(ReconstructionMetric):
    """Mean squared difference of the pixel values in [0, 1]."""

    direction = Direction.LOWER_LEAKS_MORE
    range = (0.0, 1.0)

    def compare(self, predicted: Values, truth: Values) -> Values:
        """Average the squared difference within each image."""
        differences = np.subtract(predicted, truth, out=predicted)
        errors: Values = np.square(differences, out=differences).mean(axis=(1, 2, 3)) / 255**2
        return errors
