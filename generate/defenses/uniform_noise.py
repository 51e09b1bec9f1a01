"""Uniform noise added to the activation.

What published code got wrong: its "uniform noise" is drawn from a normal distribution.
"""

from torch import Tensor

from ..noise import Noise
from ._scaled_noise import ScaledNoise


class UniformNoise(ScaledNoise):
    """Send z + sigma · rms(z) · n with n uniform in ±√3, whose standard deviation is 1."""

    def draw(self, noise: Noise) -> Tensor:
        """Draw uniform numbers (N, C, H, W) in [-√3, √3)."""
        return 3**0.5 * (2 * noise.uniform(*self.shape) - 1)
