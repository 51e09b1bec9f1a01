"""A client in float64: how far perturbations move its activation, up to rounding.

Legend: n samples; M perturbations; p input and d activation dimensions.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from ._patches import convolved, few_places

ROUNDING = 1e-13  # relative error of an activation in float64, generously


def exactly(client: Any) -> Any:
    """The client in float64: differences of activations may be small."""
    return copy.deepcopy(client).double()


@torch.no_grad()
def displacements(mean: Any, images: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
    """Compute a(x + ε) - a(x) for perturbations (n, M, p), all in float64: (n, M, d).

    Beside it what rounding may have taken from the norm of each difference: (n,).
    """
    with _OneProduct():
        start = mean(images).flatten(1)
        moved = [
            mean(images + one.reshape(images.shape)).flatten(1) - start for one in epsilon.unbind(1)
        ]
    return torch.stack(moved, dim=1), ROUNDING * start.norm(dim=1)


class _OneProduct(TorchFunctionMode):
    """Convolve a batch of small images as one matrix product, in a third of the time."""

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # As modules call it: images, weight, bias, stride, padding, dilation, groups.
        whole = function is functional.conv2d and len(args) == 7
        if whole and not isinstance(args[4], str) and few_places(args[0], args[6]):
            images, weight, bias = args[:3]
            return convolved(images, weight, bias, args[3:6])
        return function(*args, **(kwargs or {}))
