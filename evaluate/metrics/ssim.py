"""Structural similarity."""

import numpy as np
from numba import njit

from ...schemas import UsageError
from . import ReconstructionMetric, Values

SIGMA = 1.5
_OFFSETS = np.arange(-5, 6)
WINDOW = np.exp(-(_OFFSETS**2) / (2 * SIGMA**2))
WINDOW /= WINDOW.sum()
SIDE = len(WINDOW)
C1 = 0.01**2  # (K1 L)^2 and (K2 L)^2 with a data range L of 1
C2 = 0.03**2


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
        similarity, _ = similarities(predicted, truth)
        return similarity


def similarities(predicted: Values, truth: Values) -> tuple[Values, Values]:
    """Average eq. (13), and its factor of contrast and structure alone, over each image: (n,).

    Images (n, H, W, 3) are in grey levels.
    """
    averages = np.zeros((2, len(truth)))
    for number, (x, y) in enumerate(zip(predicted, truth, strict=True)):
        _compare(np.ascontiguousarray(x), np.ascontiguousarray(y), averages[:, number])
    return averages[0], averages[1]


def _compare_image(x: Values, y: Values, averages: Values) -> None:
    """Add up one image (H, W, 3), a row of windows at a time, so that all stays in the cache.

    The local means a, b and mean squares of the sum and the difference of the images are all that
    eq. (13) needs, four blurs instead of five: 4 xy = (x + y)^2 - (x - y)^2, and so on. The
    difference of an exact copy is 0, and both averages are 1.
    """
    height, width, channels = x.shape
    row, inner, windows = width * channels, (width - SIDE + 1) * channels, height - SIDE + 1
    maps = np.empty((4, height * row))
    down, means = np.empty(row), np.empty((4, inner))
    similarity, structure = np.zeros(inner), np.zeros(inner)
    _sum_and_difference(x.reshape(-1), y.reshape(-1), maps)
    for top in range(windows):
        for kind in range(4):
            _blur(maps[kind, top * row :], row, down)
            _blur(down, channels, means[kind])
        for place in range(inner):
            a, b = means[0, place] ** 2, means[1, place] ** 2
            of_sum = means[2, place] - a + 2 * C2 * 255**2
            of_difference = means[3, place] - b
            contrast = (of_sum - of_difference) / (of_sum + of_difference)
            a += 2 * C1 * 255**2
            structure[place] += contrast
            similarity[place] += contrast * ((a - b) / (a + b))
    averages[0] = similarity.sum() / (inner * windows)
    averages[1] = structure.sum() / (inner * windows)


def _fill(x: Values, y: Values, maps: Values) -> None:
    """Put sum and difference of two images, and their squares, into the maps."""
    for place in range(len(x)):
        of_sum, difference = x[place] + y[place], x[place] - y[place]
        maps[0, place], maps[1, place] = of_sum, difference
        maps[2, place], maps[3, place] = of_sum**2, difference**2


def _blur_line(line: Values, step: int, blurred: Values) -> None:
    """Average windows whose values are `step` apart, symmetric pairs together."""
    middle = line[SIDE // 2 * step :]
    for place in range(len(blurred)):
        blurred[place] = WINDOW[SIDE // 2] * middle[place]
    for offset in range(SIDE // 2):
        near, far = line[offset * step :], line[(SIDE - 1 - offset) * step :]
        for place in range(len(blurred)):
            blurred[place] += WINDOW[offset] * (near[place] + far[place])


# Compiled when an image is first compared, in a second or two; NumPy alone would take three times
# as long for each image, and threads would wait for each other between its many small steps.
_sum_and_difference = njit(nogil=True)(_fill)
_blur = njit(nogil=True)(_blur_line)
_compare = njit(nogil=True)(_compare_image)
