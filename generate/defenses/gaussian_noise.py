"""Gaussian noise added to the activation."""

from torch import Tensor

from ..noise import Noise
from ._scaled_noise import ScaledNoise


class GaussianNoise(ScaledNoise):
    """Send z + sigma · rms(z) · n with n standard normal."""

    def draw(self, noise: Noise) -> Tensor:
        """Draw standard normal numbers (N, C, H, W)."""
        return noise.normal(*self.shape)

    @property
    def noise_std(self) -> float:
        """sigma · rms, in the unit of the activation."""
        return self.sigma * float(self.rms)
