"""A client linearised at some images: its Jacobian as two matrix-free products.

Legend: n samples; p input dimensions; d activation dimensions; J (d, p) Jacobian, one per sample.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


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
