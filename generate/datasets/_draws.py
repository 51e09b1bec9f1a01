"""Random numbers with an address: what number n of a stream draws depends on nothing else."""

from collections.abc import Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

COLUMNS = 64  # how often a thing may draw


class Stream(IntEnum):
    """What is drawn for; streams of one seed share no number."""

    IDENTITY_LABELS = 1
    IMAGE_LABELS = 2
    PERSON = 3
    SHOT = 4
    SENSOR = 5
    ASSIGNMENT = 6


def generator(seed: int, stream: Stream, number: int) -> np.random.Generator:
    """Return the generator of one numbered thing; `seed` and `number` below 2**64."""
    counter = np.array([0, 0, 0, stream], np.uint64)
    key = np.array([seed, number], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=key))


Floats = float | NDArray[np.float64]


class Draws:
    """Draws for N numbered things at once, each call one number for each of them."""

    def __init__(self, seed: int, stream: Stream, numbers: Sequence[int]) -> None:
        table = [generator(seed, stream, number).random(COLUMNS) for number in numbers]
        self._columns = iter(np.array(table).reshape(len(numbers), COLUMNS).T)

    def uniform(self, low: Floats = 0.0, high: Floats = 1.0) -> NDArray[np.float64]:
        """Draw (N,) numbers between `low` and `high`, which may differ from thing to thing."""
        return np.asarray(low + (high - low) * next(self._columns))

    def normal(self, mean: Floats = 0.0, deviation: float = 1.0) -> NDArray[np.float64]:
        """Draw (N,) normal numbers."""
        return np.asarray(mean + deviation * ndtri(next(self._columns)))

    def choice(self, weights: ArrayLike) -> NDArray[np.int64]:
        """Draw (N,) positions by `weights`, (K,) or (N, K), which sum to 1 along K."""
        edges = np.cumsum(np.atleast_2d(weights), axis=1)[:, :-1]
        return np.asarray((next(self._columns)[:, None] >= edges).sum(axis=1), np.int64)
