"""Eight numbers of an activation: enough to tell which image it is of, not what that shows.

A sketch is a product with eight random vectors of signs, over the square root of the length: each
number has the size of the activation's values, and moves by as little as they do.
"""

import hashlib
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schemas.recipe import SKETCH_LENGTH

Sketches = NDArray[np.float32]  # N, SKETCH_LENGTH


def sketched(activation: np.ndarray[Any, Any]) -> Sketches:
    """Sketch (N, C, H, W) activations, summed in float64."""
    flat = activation.reshape(len(activation), -1).astype(np.float64)
    sums = flat @ _signs(flat.shape[1]).T / np.sqrt(flat.shape[1])
    sketches: Sketches = sums.astype(np.float32)
    return sketches


def allowed(activation: np.ndarray[Any, Any], tolerance: float) -> NDArray[np.float64]:
    """How far a number of the sketch may be off, (N,), where values are by `tolerance`, 1 + |z|."""
    flat = activation.reshape(len(activation), -1).astype(np.float64)
    most: NDArray[np.float64] = tolerance * (1 + np.sqrt((flat**2).mean(axis=1)))
    return most


@cache
def _signs(length: int) -> NDArray[np.float64]:
    """The bits of SHAKE-256, so that they are the same in every language and version."""
    bits = hashlib.shake_256(b"leakboard sketch").digest(SKETCH_LENGTH * -(-length // 8))
    rows = np.unpackbits(np.frombuffer(bits, np.uint8).reshape(SKETCH_LENGTH, -1), axis=1)
    return 1 - 2 * rows[:, :length].astype(np.float64)
