"""Rank correlation over a handful of points, with an interval and a chance."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.stats import rankdata

from ..schemas import Record

Numbers = NDArray[np.float64]
REPLICATES = 10_000  # of the bootstrap over points, and of the permutations


class Correlation(Record):
    """Spearman's rank correlation of n points, its 95 % interval by the bootstrap over points.

    `p` is how often a random pairing is as far from zero, on either side. Points that share a
    network are not independent, so both are on the optimistic side.
    """

    value: float
    low: float
    high: float
    p: Annotated[float, Field(gt=0, le=1)]
    n: int

    @classmethod
    def of(cls, x: Numbers, y: Numbers, seed: int) -> "Correlation":
        """Correlate two arrays (n,).

        >>> Correlation.of(np.arange(8.0), np.arange(8.0) ** 3, seed=0).value
        1.0
        """
        random, n = np.random.default_rng(seed), len(x)
        drawn = random.integers(n, size=(REPLICATES, n))
        low, high = np.quantile(spearman(x[drawn], y[drawn]), [0.025, 0.975])
        value = float(spearman(x[None], y[None])[0])
        shuffled = random.permuted(np.tile(y, (REPLICATES, 1)), axis=1)
        by_chance = np.abs(spearman(np.tile(x, (REPLICATES, 1)), shuffled)) >= abs(value) - 1e-12
        p = float((by_chance.sum() + 1) / (REPLICATES + 1))
        return cls(value=value, low=float(low), high=float(high), p=p, n=n)


def spearman(x: Numbers, y: Numbers) -> Numbers:
    """Rank correlation of each row of two (B, n) arrays; 0 where all of a row are equal."""
    a, b = (rankdata(values, axis=1) for values in (x, y))
    a, b = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (a, b))
    scale = np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1))
    found: Numbers = (a * b).sum(axis=1) / np.where(scale > 0, scale, 1)
    return found
