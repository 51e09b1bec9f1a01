"""Advantage over the majority guess."""

from ...schemas import Track
from . import AttributeOutcome, MeanMetric, Values


class AdvantageOverMajority(MeanMetric[AttributeOutcome]):
    """Top-1 accuracy minus that of always guessing the most frequent auxiliary class."""

    track = Track.ATTRIBUTE
    range = (-1.0, 1.0)

    def per_image(self, outcome: AttributeOutcome) -> Values:
        """Give 1 where only the attack is right, -1 where only the majority guess is."""
        return outcome.correct.astype(float) - outcome.majority
