"""Structural similarity."""

import numpy as np
from scipy.ndimage import correlate1d

from ...schemas import UsageError
from . import ReconstructionMetric, Values

RADIUS = 5
SIGMA = 1.5
C1 = 0.01**2  # (K1 L)^2 and (K2 L)^2 with a data range L of 1
C2 = 0.03**2
_OFFSETS = np.arange(-RADIUS, RADIUS + 1)
WINDOW = np.exp(-(_OFFSETS**2) / (2 * SIGMA**2))
WINDOW /= WINDOW.sum()


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
        if min(height, width) < len(WINDOW):
            raise UsageError(
                f"ssim needs images of at least {len(WINDOW)} x {len(WINDOW)} pixels, but these "
                f"are {height} x {width}; make the release with a larger size"
            )
        # sums of the two variances are all that is needed: one blur less
        mean_x, mean_y, power, product = (
            _windowed(maps)
            for maps in (predicted, truth, predicted**2 + truth**2, predicted * truth)
        )
        means = mean_x * mean_y
        squares = mean_x**2 + mean_y**2
        similarity: Values = (
            (2 * means + C1)
            / (squares + C1)
            * (2 * (product - means) + C2)
            / (power - squares + C2)
        ).mean(axis=(1, 2, 3))
        return similarity


def _windowed(maps: Values) -> Values:
    """Average (n, H, W, 3) under every whole window: (n, H - 10, W - 10, 3)."""
    inside = slice(RADIUS, -RADIUS)
    rows: Values = correlate1d(maps, WINDOW, axis=1)[:, inside]
    windows: Values = correlate1d(rows, WINDOW, axis=2)[:, :, inside]
    return windows
