"""A client in float64: how far perturbations move its activation, up to rounding.

Legend: n samples; M perturbations; p input and d activation dimensions.
"""

import copy
from typing import Any

import torch
from torch import Tensor

from ._linear import FixedWeights

ROUNDING = 1e-13  # relative error of an activation in float64, generously


def exactly(client: Any) -> Any:
    """The client in float64: differences of activations may be small."""
    return copy.deepcopy(client).double()


@torch.no_grad()
def displacements(mean: Any, images: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
    """Compute a(x + ε) - a(x) for perturbations (n, M, p), all in float64: (n, M, d).

    Beside it what rounding may have taken from the norm of each difference: (n,).
    """
    with FixedWeights():
        start = mean(images).flatten(1)
        moved = [
            mean(images + one.reshape(images.shape)).flatten(1) - start for one in epsilon.unbind(1)
        ]
    return torch.stack(moved, dim=1), ROUNDING * start.norm(dim=1)
