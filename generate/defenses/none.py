"""No defense: the activation is sent as it is."""

from torch import Tensor

from ..noise import Noise
from . import Defense


class NoneDefense(Defense):
    """Send the activation unchanged."""

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return (N, C, H, W) unchanged."""
        return activation
