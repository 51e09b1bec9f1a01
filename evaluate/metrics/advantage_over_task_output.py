"""Advantage over the best guess from the task network's output."""

from ...schemas import Track
from . import AttributeOutcome, MeanMetric, Values


class AdvantageOverTaskOutput(MeanMetric[AttributeOutcome]):
    """Top-1 accuracy minus that of the best guess from the predicted task class alone."""

    track = Track.ATTRIBUTE
    range = (-1.0, 1.0)

    def per_image(self, outcome: AttributeOutcome) -> Values:
        """Give 1 where only the attack is right, -1 where only the guess from the output is."""
        return outcome.correct.astype(float) - outcome.task_output
