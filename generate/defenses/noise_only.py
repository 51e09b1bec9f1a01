"""The negative control: noise is sent instead of the activation."""

from torch import Tensor

from ..noise import Noise
from . import Defense


class NoiseOnly(Defense):
    """Send standard normal noise that has nothing to do with the image.

    No attack may do better on it than the prior; one that does reads something it should not.
    """

    randomized = True

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return noise of the shape (N, C, H, W)."""
        return noise.normal(*activation.shape[1:])
