"""Mean squared error."""

from ...schemas import Direction, Track
from . import MeanMetric, ReconstructionOutcome, Values


class Mse(MeanMetric[ReconstructionOutcome]):
    """Mean squared difference of the pixel values in [0, 1]."""

    track = Track.RECONSTRUCTION
    direction = Direction.LOWER_LEAKS_MORE
    range = (0.0, 1.0)

    def per_image(self, outcome: ReconstructionOutcome) -> Values:
        """Average the squared difference within each image."""
        squared: Values = outcome.errors[1]
        return squared
