"""Random channel pruning: the baseline that DISCO's learned filter has to beat."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ..noise import Noise
from . import Defense
from ._filters import hard_mask, pruned_channels


class RandomPruning(Defense):
    """Set floor(ratio · C) channels to zero: afresh for every query, or always the same ones.

    With `fixed` the channels are drawn once, with the initial weights. What published code got
    wrong: it draws once per batch, so that a sample's channels depend on its batch mates.
    """

    def __init__(self, *, ratio: Annotated[float, Field(ge=0, lt=1)], fixed: bool = False) -> None:
        super().__init__()
        self.ratio = ratio
        self.fixed = fixed
        self.randomized = not fixed
        self.fixed_mask: Tensor

    @property
    def learns(self) -> bool:
        """A mask that was drawn needs no training."""
        return False

    def build(self, shape: tuple[int, int, int]) -> None:
        """Draw the one mask (1, C), if there is one."""
        super().build(shape)
        if self.fixed:
            self.register_buffer("fixed_mask", self._mask(torch.rand(1, shape[0])))

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Prune (N, C, H, W) channelwise."""
        mask = self.fixed_mask if self.fixed else self._mask(noise.uniform(self.shape[0]))
        return activation * mask[:, :, None, None]

    def _mask(self, draws: Tensor) -> Tensor:
        return hard_mask(draws, pruned_channels(self.ratio, self.shape[0]))
