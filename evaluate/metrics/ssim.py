"""Structural similarity."""

from functools import cache
from threading import local

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import convolution_matrix

from ...schemas import UsageError
from . import ReconstructionMetric, Values

SIGMA = 1.5
_OFFSETS = np.arange(-5, 6)
WINDOW = np.exp(-(_OFFSETS**2) / (2 * SIGMA**2))
WINDOW /= WINDOW.sum()
SIDE = len(WINDOW)
C1 = 0.01**2  # (K1 L)^2 and (K2 L)^2 with a data range L of 1
C2 = 0.03**2
BLOCK = 8  # windows averaged by one small matrix product: the fastest, and too small for BLAS
#            to share between threads, so that the number of threads cannot change its sums


class Ssim(ReconstructionMetric):
    """Structural similarity of Wang et al. 2004, per colour channel, over whole windows only.

    11 x 11 Gaussian window of sigma 1.5, K1 = .01, K2 = .03, data range 1. Windows that would
    reach beyond the image are left out, as scikit-image does; `torchmetrics` mirrors the border.
    Images below 11 x 11 pixels raise `UsageError`.
    """

    range = (-1.0, 1.0)

    def compare(self, predicted: Values, truth: Values) -> Values:
        """Average eq. (13) of Wang et al. 2004 over windows and channels."""
        height, width = truth.shape[1:3]
        if min(height, width) < SIDE:
            raise UsageError(
                f"ssim needs images of at least {SIDE} x {SIDE} pixels, but these "
                f"are {height} x {width}; make the release with a larger size"
            )
        (similarity, luminance), (structure, variance) = fractions(predicted, truth)
        similarity *= structure
        luminance *= variance
        similarity /= luminance
        averages: Values = similarity.mean(axis=1)
        return averages


class Scratch(local):
    """Arrays that a thread fills again and again: the pages of fresh ones cost more than the sums.

    What `of` returns is good until the thread asks for the same name again.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, Values] = {}

    def of(self, name: str, shape: tuple[int, ...]) -> Values:
        """Return an array of that shape; its content is whatever was there."""
        if name not in self.arrays or self.arrays[name].shape != shape:
            self.arrays[name] = np.empty(shape)
        return self.arrays[name]


SCRATCH = Scratch()


def fractions(predicted: Values, truth: Values) -> tuple[tuple[Values, Values], ...]:
    """Numerator and denominator of eq. (13): of luminance, then of contrast and structure.

    Each (n, windows of all channels), in scratch arrays. They follow from the local means and mean
    squares of s = x + y and d = x - y, four blurs instead of five: 4 xy = s^2 - d^2 and
    2 (x^2 + y^2) = s^2 + d^2. Of an exact copy d is 0, and both fractions are 1.
    """
    count, height, width, channels = truth.shape
    maps = SCRATCH.of("maps", (4, count, channels, height, width))
    x, y = predicted.transpose(0, 3, 1, 2), truth.transpose(0, 3, 1, 2)
    np.add(x, y, out=maps[0])
    np.subtract(x, y, out=maps[1])
    np.square(maps[:2], out=maps[2:])
    rows = _blurred("rows", maps.reshape(-1, height, width))
    windows = _blurred("windows", rows.swapaxes(1, 2)).reshape(4, count, -1)
    squares = np.square(windows[:2], out=SCRATCH.of("squares", windows[:2].shape))
    variances = np.subtract(windows[2:], squares, out=windows[2:])
    luminance = _fraction(squares, 2 * C1 * 255**2, out=windows[0])
    return luminance, _fraction(variances, 2 * C2 * 255**2, out=windows[1])


def _fraction(terms: Values, constant: float, out: Values) -> tuple[Values, Values]:
    of_sum, of_difference = terms
    of_sum += constant
    return np.subtract(of_sum, of_difference, out=out), np.add(of_sum, of_difference, out=of_sum)


def _blurred(name: str, maps: Values) -> Values:
    """Average (m, H, W) down the columns under every whole window: (m, H - 10, W)."""
    count, height, width = maps.shape
    inside = height - SIDE + 1
    block = min(BLOCK, inside)
    blocks = inside // block
    averages = SCRATCH.of(name, (count, inside, width))
    views = sliding_window_view(maps, block + SIDE - 1, axis=1)[:, ::block].swapaxes(2, 3)
    whole = averages[:, : blocks * block].reshape(count, blocks, block, width)
    np.matmul(_band(block), views[:, :blocks], out=whole)
    if inside % block:
        np.matmul(_band(block), maps[:, height - block - SIDE + 1 :], out=averages[:, -block:])
    return averages


@cache
def _band(block: int) -> Values:
    """The window at `block` places, one below the other: (block, block + 10)."""
    return np.ascontiguousarray(convolution_matrix(WINDOW, block).T)
