"""Random numbers with an address: what number n of a stream draws depends on nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

from ...schemas import Secret

COLUMNS = 64  # how often a thing may draw


class Stream(IntEnum):
    """What is drawn for; streams of one origin share no number."""

    IDENTITY_LABELS = 1
    IMAGE_LABELS = 2
    PERSON = 3
    SHOT = 4
    SENSOR = 5
    ASSIGNMENT = 6


class Keys(Protocol):
    """What decides all draws: it gives each numbered thing of a stream a key of 128 bits."""

    def of(self, stream: Stream, number: int) -> NDArray[np.uint64]:
        """Return the key (2,) of one thing; `number` is below 2**64."""
        ...


@dataclass(frozen=True)
class SeedKeys:
    """The keys that anybody can name: the seed, below 2**64, and the number of the thing."""

    seed: int

    def of(self, stream: Stream, number: int) -> NDArray[np.uint64]:
        """Return the seed and the number; streams differ by their counters."""
        return np.array([self.seed, number], np.uint64)


@dataclass(frozen=True)
class SecretKeys:
    """Keys that only the secret gives.

    Each is an HMAC of its own, so that whoever found one from a public image has that one alone:
    nothing is asked of the generator but to be a good one.
    """

    secret: Secret

    def of(self, stream: Stream, number: int) -> NDArray[np.uint64]:
        """Return the first 128 bits of the HMAC over the stream's name and the number."""
        digest = self.secret.digest("draw", stream.name.lower(), str(number))
        return np.frombuffer(digest[:16], "<u8").astype(np.uint64)


def generator(keys: Keys, stream: Stream, number: int) -> np.random.Generator:
    """Return the generator of one numbered thing."""
    counter = np.array([0, 0, 0, stream], np.uint64)
    return np.random.Generator(np.random.Philox(counter=counter, key=keys.of(stream, number)))


Floats = float | NDArray[np.float64]


class Draws:
    """Draws for N numbered things at once, each call one number for each of them."""

    def __init__(self, keys: Keys, stream: Stream, numbers: Sequence[int]) -> None:
        table = [generator(keys, stream, number).random(COLUMNS) for number in numbers]
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
