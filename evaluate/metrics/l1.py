"""Mean absolute error."""

from ...schemas import Direction, Track
from . import MeanMetric, ReconstructionOutcome, Values


class L1(MeanMetric[ReconstructionOutcome]):
    """Mean absolute difference of the pixel values in [0, 1]."""

    track = Track.RECONSTRUCTION
    direction = Direction.LOWER_LEAKS_MORE
    range = (0.0, 1.0)

    def per_image(self, outcome: ReconstructionOutcome) -> Values:
        """Average |difference| within each image."""
        absolute: Values = outcome.errors[0]
        return absolute
