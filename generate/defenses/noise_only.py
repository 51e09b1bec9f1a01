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

    def mean(self, activation: Tensor) -> Tensor:
        """Zero, whatever the image."""
        return 0 * activation

    @property
    def noise_std(self) -> float:
        """That of standard normal noise."""
        return 1.0
