"""Gaussian noise added to the activation, in units of the activation's own size."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..noise import Noise
from . import Defense

MOMENTUM = 0.1


class GaussianNoise(Defense):
    """Send z + sigma · rms(z) · n with n standard normal, fresh for every query.

    sigma is relative to the root mean square of the activations (as in the HCR experiments of
    Chaudhuri et al. 2024): an absolute sigma would be outgrown by a client that is trained
    through it. The root mean square is a running mean over training and fixed at release.
    """

    randomized = True

    def __init__(self, *, sigma: Annotated[float, Field(ge=0)]) -> None:
        super().__init__()
        self.sigma = sigma
        self.rms: Tensor
        self.register_buffer("rms", torch.ones(()))

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Add noise to (N, C, H, W)."""
        if self.training:
            now = activation.detach().float().square().mean().sqrt()
            self.rms.lerp_(now, MOMENTUM)
        return activation + self.sigma * self.rms * noise.normal(*activation.shape[1:])

    def mean(self, activation: Tensor) -> Tensor:
        """The activation without its noise."""
        return activation

    @property
    def noise_std(self) -> float:
        """sigma · rms, in the unit of the activation."""
        return self.sigma * float(self.rms)
