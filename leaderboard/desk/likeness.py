"""Whether two prediction files say the same, exactly or nearly.

The content of a file is hashed in the order of the ids, so that another order or compression makes
no new file. Nearness is measured on a sample of the images, drawn by their ids: the mean distance
of probabilities, or of the brightness of 8 x 8 blocks of the reconstructions.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schemas import Predictions, Record, Track
from ...schemas.base import Sha256

SAMPLE = 256  # images
NEAR = 0.01  # mean distance, of numbers in [0, 1]
SIDE = 8
LEVELS = 255

Sample = NDArray[np.uint8]


class Likeness(Record):
    """A file's content as a digest, and its answers for the sampled images as hexadecimal bytes."""

    content: Sha256
    sample: str

    @classmethod
    def of(cls, predictions: Predictions) -> "Likeness":
        """Describe sound predictions: every id once."""
        order = np.argsort(np.asarray(predictions.sample_ids))
        digest = hashlib.sha256(predictions.header.track.encode())
        for row in order:
            digest.update(predictions.sample_ids[row].encode())
            digest.update(np.ascontiguousarray(predictions.values[row]).data)
        # Ids are opaque and random, so the first of them are a random sample of the images.
        values = predictions.values[order[:SAMPLE]]
        small = values if predictions.header.track is Track.ATTRIBUTE else _small(values) / LEVELS
        levels: Sample = np.rint(LEVELS * small.astype(np.float64)).clip(0, LEVELS).astype(np.uint8)
        return cls(content=digest.hexdigest(), sample=levels.tobytes().hex())


def nearest(sample: str, others: Iterable[tuple[str, str]]) -> str | None:
    """The first of `others`, pairs of a name and a sample, that says nearly the same; or None."""
    mine = _levels(sample)
    for name, other in others:
        theirs = _levels(other)
        if mine.shape == theirs.shape and np.abs(mine - theirs).mean() <= NEAR * LEVELS:
            return name
    return None


def _levels(sample: str) -> NDArray[np.int64]:
    return np.frombuffer(bytes.fromhex(sample), np.uint8).astype(np.int64)


def _small(images: NDArray[Any]) -> NDArray[Any]:
    """Mean brightness of (up to) 8 x 8 blocks of (N, H, W, 3) images."""
    grey: NDArray[Any] = images.mean(axis=3)
    for axis in (1, 2):
        side = min(SIDE, grey.shape[axis])
        starts = np.arange(side) * grey.shape[axis] // side
        sizes = np.diff([*starts, grey.shape[axis]])
        shape = [-1 if a == axis else 1 for a in range(3)]
        grey = np.add.reduceat(grey, starts, axis=axis) / sizes.reshape(shape)
    return grey
