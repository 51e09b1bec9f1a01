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

ROUNDING = 1e-13  # relative error of an activation in float64, generously
SMALL = 64  # pixels


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
    """Convolve a batch of small images as one matrix product.

    torch convolves float64 image by image, and reads all weights anew for each: where they are
    many and the places of an image few, that is most of the time.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        # As modules call it: images, weight, bias, stride, padding, dilation, groups.
        if function is functional.conv2d and len(args) == 7 and not isinstance(args[4], str):
            height, width = args[0].shape[2:]
            if args[6] == 1 and height * width <= SMALL:
                return _convolved(*args[:6])
        return function(*args, **(kwargs or {}))


def _convolved(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> Tensor:
    kernel = weight.shape[2:]
    patches = functional.unfold(images, kernel, dilation, padding, stride)
    product = functional.linear(patches.transpose(1, 2).flatten(0, 1), weight.flatten(1), bias)
    reach = dilation[0] * (kernel[0] - 1) + 1
    height = (images.shape[2] + 2 * padding[0] - reach) // stride[0] + 1
    return product.unflatten(0, (len(images), -1)).transpose(1, 2).unflatten(2, (height, -1))
