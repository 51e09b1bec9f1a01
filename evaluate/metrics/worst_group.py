"""Worst group."""

import numpy as np

from ...schemas import Track
from . import AttributeOutcome, Metric, Statistic, Values

SMALLEST = 20  # images of a group: below, the largest of several is mostly luck


class WorstGroup(Metric[AttributeOutcome]):
    """Advantage over the task output's guess for the task class whose images leak most.

    Groups are the images of one true task class: people who smile may be given away where the
    average hides it. What is compared is the advantage, because classes differ in how far the task
    alone already tells the attribute. Groups of fewer than 20 images are left out; the largest of
    several is above each one's truth by chance, which its interval shows.
    """

    track = Track.ATTRIBUTE
    range = (-1.0, 1.0)

    def lacks(self, outcome: AttributeOutcome) -> str | None:
        """One group must be large enough."""
        largest = np.unique(outcome.task, return_counts=True)[1].max()
        if largest >= SMALLEST:
            return None
        return (
            f"worst_group needs a task class with at least {SMALLEST} images, "
            f"but the largest has {largest}"
        )

    def statistic(self, outcome: AttributeOutcome) -> Statistic:
        """Sort the images by task class once."""
        gain = outcome.correct.astype(float) - outcome.task_output
        groups = (np.flatnonzero(outcome.task == task) for task in np.unique(outcome.task))
        large = [rows for rows in groups if len(rows) >= SMALLEST]

        def worst(weights: Values) -> Values:
            gains = np.stack([(weights[:, rows] * gain[rows]).sum(axis=1) for rows in large])
            drawn = np.stack([weights[:, rows].sum(axis=1) for rows in large])
            undefined = np.full_like(gains, -np.inf)
            largest = np.divide(gains, drawn, out=undefined, where=drawn > 0).max(axis=0)
            return np.where(np.isfinite(largest), largest, np.nan)

        return worst
