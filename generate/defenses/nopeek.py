"""NoPeek: activations that vary little with the image (Vepakomma et al., 2020).

What published code got wrong: it squares the distances, and with squares the distance correlation
collapses to a linear one (the square root of linear CKA), blind to every other dependence.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ..noise import Noise
from . import Batch, Defense, Network, Objective

SMALLEST = 1e-12  # of squared distances in proportion to the largest: the root has no slope at zero


class Nopeek(Defense):
    """Send the activation of a client that minimises L_util + weight · dCor(x, z)."""

    def __init__(self, *, weight: Annotated[float, Field(ge=0)] = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return (N, C, H, W) unchanged."""
        return activation

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Sum of the task's cross-entropy and the weighted distance correlation of the batch."""
        logits = task_network(batch.activation)
        utility = functional.cross_entropy(logits, batch.task)
        with torch.autocast(batch.images.device.type, enabled=False):
            dependence = distance_correlation(batch.images, batch.activation.float())
        return Objective(utility + self.weight * dependence, logits)


def distance_correlation(x: Tensor, z: Tensor) -> Tensor:
    """Distance correlation of paired samples (N, …) in [0, 1]: a scalar.

    dCor² = mean(A · B) / √(mean(A²) mean(B²)), with A and B the Euclidean, not squared, distances
    between samples, centred by row and column (Székely, Rizzo and Bakirov 2007, definitions 3-5).

    >>> x = torch.linspace(-1, 1, 5)[:, None]
    >>> round(distance_correlation(x, 3 * x + 1).item(), 4)
    1.0
    """
    a, b = _centred_distances(x), _centred_distances(z)
    covariance = (a * b).mean()
    scale = (a.square().mean() * b.square().mean()).sqrt()
    return (covariance / scale.clamp(min=SMALLEST)).clamp(min=SMALLEST).sqrt()


def _centred_distances(samples: Tensor) -> Tensor:
    flat = samples.flatten(1)
    flat = flat - flat.mean(dim=0)  # distances stay, and rounding errors shrink
    norms = flat.square().sum(dim=1)
    squared = norms[:, None] + norms - 2 * flat @ flat.T
    itself = torch.eye(len(flat), dtype=torch.bool, device=flat.device)
    floor = SMALLEST * squared.detach().amax().clamp(min=SMALLEST).item()
    distances = squared.clamp(min=floor).sqrt().masked_fill(itself, 0.0)
    rows, columns = distances.mean(dim=1, keepdim=True), distances.mean(dim=0, keepdim=True)
    return distances - rows - columns + distances.mean()
