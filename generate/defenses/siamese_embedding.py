"""Siamese embedding: images of one task class look alike (Osia et al., IEEE IoT Journal 2020).

What published code got wrong: one margin for unscaled distances of thousands of numbers, which
every pair exceeds or none.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ..noise import Noise
from . import Batch, Defense, Network, Objective


class SiameseEmbedding(Defense):
    """Send the activation of a client that minimises L_util + weight · L_contrastive.

    What the task does not need is squeezed out between images of one class; `margin` keeps the
    classes apart. Distances are in units of one number of the activation.
    """

    def __init__(
        self,
        *,
        weight: Annotated[float, Field(ge=0)] = 1.0,
        margin: Annotated[float, Field(gt=0)] = 1.0,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.margin = margin

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return (N, C, H, W) unchanged."""
        return activation

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Sum of the task's cross-entropy and the contrastive loss of all pairs of the batch."""
        logits = task_network(batch.activation)
        utility = functional.cross_entropy(logits, batch.task)
        with torch.autocast(batch.images.device.type, enabled=False):
            pairs = contrastive(batch.activation.float(), batch.task, self.margin)
        return Objective(utility + self.weight * pairs, logits)


def contrastive(activation: Tensor, labels: Tensor, margin: float) -> Tensor:
    """Mean over pairs of d² where labels agree and of max(0, margin - d)² where they differ.

    d is the root mean square difference of two rows of (N, C, H, W) (Hadsell et al. 2006, eq. 4).
    """
    flat = activation.flatten(1)
    distances = functional.pdist(flat) / flat.shape[1] ** 0.5
    first, second = torch.triu_indices(len(flat), len(flat), 1, device=flat.device)
    same = labels[first] == labels[second]
    return torch.where(same, distances.square(), (margin - distances).relu().square()).mean()
