"""Noise added to the activation, in units of the activation's own size."""

from abc import abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..noise import Noise
from . import Defense

MOMENTUM = 0.1


class ScaledNoise(Defense):
    """Send z + sigma · rms(z) · n, where n has mean 0 and variance 1 and is fresh for every query.

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

    @abstractmethod
    def draw(self, noise: Noise) -> Tensor:
        """Draw n, (N, C, H, W)."""

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Add noise to (N, C, H, W)."""
        if self.training:
            now = activation.detach().float().square().mean().sqrt()
            self.rms.lerp_(now, MOMENTUM)
        return activation + self.sigma * self.rms * self.draw(noise)

    def mean(self, activation: Tensor) -> Tensor:
        """The activation without its noise."""
        return activation
