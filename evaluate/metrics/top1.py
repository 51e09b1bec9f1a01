"""Top-1 accuracy."""

from ...schemas import Track
from . import AttributeOutcome, MeanMetric, Values


class Top1(MeanMetric[AttributeOutcome]):
    """Share of images whose most probable class is the true one."""

    track = Track.ATTRIBUTE
    range = (0.0, 1.0)

    def per_image(self, outcome: AttributeOutcome) -> Values:
        """Give 1 where the guess is right, 0 elsewhere."""
        return outcome.correct.astype(float)
