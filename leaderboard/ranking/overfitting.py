"""The over-fitting meter: what an attack reads more where it was chosen than on fresh images."""

import math

from ...schemas import Direction, Record, Score


class Gap(Record):
    """A score on the images that chose the attack, minus that on fresh ones, in leakage.

    Positive: it reads less on fresh images. `low` and `high` are the ends of the 95 % interval.
    """

    metric: str
    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """Write the gap with its interval."""
        return f"{self.value:+.3f} ({self.low:+.3f} to {self.high:+.3f})"


def gap(chosen: Score, fresh: Score) -> Gap:
    """Compare two scores of one metric on disjoint images, so that their errors are independent."""
    sign = 1 if fresh.direction is Direction.HIGHER_LEAKS_MORE else -1
    value = sign * (chosen.value - fresh.value)
    half = math.hypot((chosen.high - chosen.low) / 2, (fresh.high - fresh.low) / 2)
    return Gap(metric=fresh.metric, value=value, low=value - half, high=value + half)
