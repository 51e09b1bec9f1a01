"""Estimates: a number, its 95 % interval and the images behind it; combined over releases."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from scipy.special import stdtrit

from ...schemas import Score, Utility
from ...schemas.resampling import Interval


@dataclass(frozen=True)
class Estimate:
    """A value in its 95 % interval; `n` images were measured in every release behind it."""

    value: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, measured: Score | Utility) -> "Estimate":
        """Take what was measured on one release."""
        return cls(measured.value, measured.low, measured.high, measured.n)

    @classmethod
    def within(cls, interval: Interval, n: int) -> "Estimate":
        """Take what was resampled over n images of every release."""
        return cls(interval.value, interval.low, interval.high, n)

    def below(self, other: "Estimate") -> bool:
        """Tell whether the whole interval lies below the other: the data separate the two."""
        return self.high < other.low

    def __str__(self) -> str:
        """Write value, interval and n.

        >>> print(Estimate(0.5, 0.4, 0.625, 900))
        0.500 [0.400, 0.625] n=900
        """
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}] n={self.n}"


def combined(estimates: Sequence[Estimate]) -> Estimate:
    """Estimate the mean over releases that differ in the seed; one release is left as it is.

    Two errors add in quadrature. Sampling of images: all releases measure the same images, so
    averaging does not reduce it, and the root mean square of the releases' half-widths stays.
    Training: Student's t interval of the mean, with the spread between k releases. A sum of
    variances, so at least as wide as either alone.

    >>> print(combined([Estimate(v, v - 0.02, v + 0.02, 900) for v in (0.5, 0.5, 0.5)]))
    0.500 [0.480, 0.520] n=900
    >>> print(combined([Estimate(v, v, v, 900) for v in (0.49, 0.50, 0.51)]))
    0.500 [0.475, 0.525] n=900
    """
    if len(estimates) == 1:
        return estimates[0]
    mean = fmean(e.value for e in estimates)
    count = len(estimates)
    training = stdtrit(count - 1, 0.975) * stdev(e.value for e in estimates) / math.sqrt(count)
    below = math.hypot(training, _root_mean_square([e.value - e.low for e in estimates]))
    above = math.hypot(training, _root_mean_square([e.high - e.value for e in estimates]))
    return Estimate(mean, mean - below, mean + above, min(e.n for e in estimates))


def _root_mean_square(widths: Sequence[float]) -> float:
    return math.sqrt(fmean(width**2 for width in widths))
