"""Random channel pruning: the baseline that DISCO's learned filter has to beat."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ..noise import Noise
from . import Defense
from .disco import hard_mask, pruned_channels


class RandomPruning(Defense):
    """Set floor(ratio · C) channels to zero, drawn afresh for every sample and query."""

    randomized = True

    def __init__(self, *, ratio: Annotated[float, Field(ge=0, lt=1)]) -> None:
        super().__init__()
        self.ratio = ratio

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Prune (N, C, H, W) channelwise."""
        channels = activation.shape[1]
        mask = hard_mask(noise.uniform(channels), pruned_channels(self.ratio, channels))
        return activation * mask[:, :, None, None]
