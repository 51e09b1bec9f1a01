"""DISCO: a learned, input-dependent channel filter (Singh et al., CVPR 2021).

What the published code does not do and the paper says (sections 3.3 and 3.4): the mask is binary
when it is released, it is chosen per sample, and the filter generator has a gradient.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..noise import Noise
from . import Batch, Defense, Network, Objective, scale_gradient

TEMPERATURE = 0.03  # section 4 of the paper
SCORE_SCALE = 0.1  # normalised scores then spread about three temperatures around the threshold


def pruned_channels(ratio: float, channels: int) -> int:
    """How many of the channels a pruning ratio removes: floor(R · C).

    >>> pruned_channels(0.6, 64)
    38
    """
    return math.floor(ratio * channels + 1e-9)  # 0.7 · 10 is 7, not floor(6.999…)


def hard_mask(scores: Tensor, pruned: int) -> Tensor:
    """Zero for the `pruned` lowest scores of each row of (N, C), one for the others.

    Exactly `pruned` zeros whatever the ties: equal scores are pruned in channel order.
    """
    lowest = scores.argsort(dim=1, stable=True)[:, :pruned]
    return torch.ones_like(scores).scatter(1, lowest, 0.0)


class Disco(Defense):
    """Prune floor(ratio · C) channels of each sample, chosen by a filter generator g(φ, z).

    The client minimises the utility loss alone, the filter generator minimises
    `utility_weight` · L_util - L_priv (eq. 3), the proxy adversary minimises L_priv: one
    backward pass, because the gradients change sign at the mask.
    """

    adversary = "attribute"

    def __init__(
        self,
        *,
        ratio: Annotated[float, Field(ge=0, lt=1)],
        utility_weight: Annotated[float, Field(ge=0)] = 1.0,
    ) -> None:
        super().__init__()
        self.ratio = ratio
        self.utility_weight = utility_weight

    def build(self, shape: tuple[int, int, int]) -> None:
        """Make the filter generator: two strided convolutions and a score per channel."""
        super().build(shape)
        channels = shape[0]
        self.pruned = pruned_channels(self.ratio, channels)
        self.filter_generator = nn.Sequential(
            nn.Conv2d(channels, 64, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(128, channels),
        )

    def mask(self, activation: Tensor) -> Tensor:
        """The binary filter (N, C): hard forward, tempered sigmoid backward (straight-through)."""
        scores = self.filter_generator(activation).float()
        scores = SCORE_SCALE * functional.layer_norm(scores, scores.shape[1:])
        ranked = scores.detach().sort(dim=1).values
        below = max(self.pruned - 1, 0)
        threshold = (ranked[:, below : below + 1] + ranked[:, self.pruned : self.pruned + 1]) / 2
        soft = torch.sigmoid((scores - threshold) / TEMPERATURE)
        return hard_mask(scores.detach(), self.pruned) + (soft - soft.detach())

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Set the pruned channels of (N, C, H, W) to exactly zero."""
        return activation * self.mask(activation)[:, :, None, None]

    def mean(self, activation: Tensor) -> Tensor:
        """The same, with the mask a constant: it is piecewise, so that is its true derivative."""
        return activation * self.mask(activation)[:, :, None, None].detach()

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Sum of the utility and privacy losses, with the gradients routed as in eq. 3."""
        mask = self.mask(batch.activation.detach())[:, :, None, None]
        for_task = batch.activation * scale_gradient(mask, self.utility_weight)
        for_adversary = batch.activation.detach() * scale_gradient(mask, -1.0)
        logits, guesses = task_network(for_task), adversary(for_adversary)
        utility = functional.cross_entropy(logits, batch.task)
        privacy = functional.cross_entropy(guesses, batch.sensitive)
        return Objective(utility + privacy, logits, guesses)
