"""DISCO: a learned, input-dependent channel filter (Singh et al., CVPR 2021).

What the published code does not do and the paper says (sections 3.3 and 3.4): the mask is binary
when it is released, it is chosen per sample, and the filter generator has a gradient.
"""

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..noise import Noise
from . import Batch, Defense, Frozen, Network, Objective, scale_gradient
from ._adversarial import privacy_loss
from ._decoupler import decoupled
from ._filters import (
    FilterKind,
    filter_generator,
    normalized,
    pruned_channels,
    straight_through_mask,
)

Ratio = Annotated[float, Field(ge=0, lt=1)]


class Disco(Defense):
    """Prune floor(ratio · C) channels of each sample, chosen by a filter generator g(φ, z).

    The client minimises the utility loss alone, the filter generator minimises
    `utility_weight` · L_util - L_priv (eq. 3), the proxy adversary minimises L_priv: one
    backward pass, because the gradients change sign at the mask.

    mode          what is sensitive: the attribute, or the input (a decoder with l1 is the proxy)
    ratio         R at release; an attribute of the loaded defense, to be set without retraining
    train_ratios  each sample's R is drawn from this range in training, so that the task network
                  knows them all (section 4)
    filter        `light`, two convolutions; or `resnet18`, as in the paper
    decoupler     each channel of the first convolution sees one tile of the image alone
    frozen        who keeps the weights of the warm-up: section 4's second phase holds the client,
                  an expert filter leaves the whole pair as it is
    """

    def __init__(
        self,
        *,
        ratio: Ratio,
        utility_weight: Annotated[float, Field(ge=0)] = 1.0,
        mode: Literal["attribute", "input"] = "attribute",
        train_ratios: tuple[Ratio, Ratio] | None = None,
        filter: FilterKind = "light",
        decoupler: bool = False,
        frozen: Frozen = "nothing",
    ) -> None:
        super().__init__()
        self.ratio = ratio
        self.utility_weight = utility_weight
        self.adversary = self.mode = mode
        self.train_ratios = train_ratios
        self.filter = filter
        self.decoupler = decoupler
        self.frozen = frozen

    @property
    def release_options(self) -> frozenset[str]:
        """Training over random ratios never sees the one at release."""
        return frozenset() if self.train_ratios is None else frozenset({"ratio"})

    def build(self, shape: tuple[int, int, int]) -> None:
        """Make the filter generator, with a score per channel."""
        super().build(shape)
        self.filter_generator = filter_generator(self.filter, shape[0])

    def prepare(self, layers: nn.Module) -> nn.Module:
        """Decouple the client's first convolution, where that is wished for."""
        return decoupled(layers) if self.decoupler else layers

    def mask(self, activation: Tensor, ratios: Tensor | None = None) -> Tensor:
        """The binary filter (N, C): hard forward, tempered sigmoid backward (straight-through).

        `ratios` (N, 1) are pruning ratios of each sample's own.
        """
        scores = normalized(self.filter_generator(activation))
        if ratios is None:
            pruned = pruned_channels(self.ratio, scores.shape[1])
            counts = scores.new_full((len(scores), 1), pruned, dtype=torch.int64)
        else:
            counts = (ratios * scores.shape[1]).long()
        return straight_through_mask(scores, counts)

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Set the pruned channels of (N, C, H, W) to exactly zero."""
        return activation * self.mask(activation)[:, :, None, None]

    def mean(self, activation: Tensor) -> Tensor:
        """The same, with the mask a constant: it is piecewise, so that is its true derivative."""
        return activation * self.mask(activation)[:, :, None, None].detach()

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Sum of the utility and privacy losses, with the gradients routed as in eq. 3."""
        mask = self.mask(batch.activation.detach(), self._drawn_ratios(batch.noise))[
            :, :, None, None
        ]
        for_task = batch.activation * scale_gradient(mask, self.utility_weight)
        for_adversary = batch.activation.detach() * scale_gradient(mask, -1.0)
        logits, answer = task_network(for_task), adversary(for_adversary)
        utility = functional.cross_entropy(logits, batch.task)
        privacy = privacy_loss(self.mode, answer, batch)
        return Objective(utility + privacy, logits, answer if self.mode == "attribute" else None)

    def _drawn_ratios(self, noise: Noise) -> Tensor | None:
        if self.train_ratios is None:
            return None
        low, high = self.train_ratios
        return low + (high - low) * noise.uniform(1)
