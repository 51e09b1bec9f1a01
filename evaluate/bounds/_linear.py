"""A client linearised at some images: its Jacobian as two matrix-free products.

Legend: n samples; p input dimensions; d activation dimensions; J (d, p) Jacobian, one per sample.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from . import _patches
from ._patches import Pair, few_places


@dataclass(frozen=True)
class Linear:
    """Products with the Jacobian of each of n samples, all at once.

    `forward` maps tangents (n, p) to (n, d), `transposed` cotangents (n, d) to (n, p).
    """

    forward: Callable[[Tensor], Tensor]
    transposed: Callable[[Tensor], Tensor]
    inputs: int  # p
    features: int  # d

    @property
    def swapped(self) -> "Linear":
        """The transposed Jacobians."""
        return Linear(self.transposed, self.forward, self.features, self.inputs)


def linearized(mean: Callable[[Tensor], Tensor], images: Tensor) -> Linear:
    """Linearise `mean` at images (n, 3, S, S): a product then costs about what `mean` itself does.

    Jᵀu is linear in u, so its own backward pass gives J v; forward-mode differentiation would
    compute the activation again each time. Products are computed in the precision of `images`.
    """
    images = images.detach().requires_grad_()
    with FixedWeights():
        activation = mean(images)
    at = torch.zeros_like(activation, requires_grad=True)
    (pulled,) = torch.autograd.grad(activation, images, at, create_graph=True)

    def forward(tangent: Tensor) -> Tensor:
        return _product(pulled, at, tangent)

    def transposed(cotangent: Tensor) -> Tensor:
        return _product(activation, images, cotangent)

    return Linear(forward, transposed, images[0].numel(), activation[0].numel())


def _product(output: Tensor, variable: Tensor, weights: Tensor) -> Tensor:
    seed = weights.to(output.dtype).view_as(output)
    (product,) = torch.autograd.grad(output, variable, seed, retain_graph=True)
    return product.flatten(1).to(weights.dtype)


class FixedWeights(TorchFunctionMode):
    """Convolve so that the derivative of the backward pass is one convolution.

    torch's own also computes the gradient of the weights, asked for or not: as much work again.
    Small images are convolved as one matrix product, in a third of the time.
    """

    def __torch_function__(
        self,
        function: Callable[..., Any],
        types: Sequence[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = kwargs or {}
        if function is functional.conv2d and len(args) > 1 and not _named_padding(args, options):
            return _convolved(*args, **options)
        return function(*args, **options)


def _named_padding(args: tuple[Any, ...], options: Mapping[str, Any]) -> bool:
    return any(isinstance(option, str) for option in (*args, *options.values()))


@dataclass(frozen=True)
class _Kernel:
    """A convolution, its bias apart, and its transpose."""

    weight: Tensor
    stride: Pair
    padding: Pair
    dilation: Pair
    groups: int

    def forward(self, images: Tensor, bias: Tensor | None) -> Tensor:
        steps = (self.stride, self.padding, self.dilation)
        if few_places(images, self.groups):
            return _patches.convolved(images, self.weight, bias, steps)
        return functional.conv2d(images, self.weight, bias, *steps, self.groups)

    def transposed(self, cotangent: Tensor, images: Tensor) -> Tensor:
        """Only the shape of `images` matters."""
        if few_places(images, self.groups):
            steps = (self.stride, self.padding, self.dilation)
            return _patches.transposed(cotangent, images.shape, self.weight, steps)
        pulled: Tensor = torch.ops.aten.convolution_backward(
            *(cotangent, images, self.weight, None, self.stride, self.padding, self.dilation),
            *(False, [0, 0], self.groups, [True, False, False]),
        )[0]
        return pulled


def _convolved(
    images: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    steps = (_pair(stride), _pair(padding), _pair(dilation))
    convolved: Tensor = _Push.apply(images, _Kernel(weight, *steps, groups), bias)
    return convolved


def _pair(steps: int | Pair) -> Pair:
    return (steps, steps) if isinstance(steps, int) else steps


class _Push(Function):
    """A convolution of images; its derivative is `_Pull`."""

    @staticmethod
    def forward(context: Any, images: Tensor, kernel: _Kernel, bias: Tensor | None) -> Tensor:
        context.save_for_backward(images)
        context.kernel = kernel
        return kernel.forward(images, bias)

    @staticmethod
    def backward(context: Any, *cotangents: Tensor) -> Any:
        (images,) = context.saved_tensors
        return _Pull.apply(cotangents[0], images.detach(), context.kernel), None, None


class _Pull(Function):
    """Its transpose, whose derivative is the convolution again."""

    @staticmethod
    def forward(context: Any, cotangent: Tensor, images: Tensor, kernel: _Kernel) -> Tensor:
        context.kernel = kernel
        return kernel.transposed(cotangent, images)

    @staticmethod
    def backward(context: Any, *tangents: Tensor) -> Any:
        return _Push.apply(tangents[0], context.kernel, None), None, None
