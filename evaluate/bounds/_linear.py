"""A client linearised at some images: its Jacobian as two matrix-free products.

Legend: n samples; p input dimensions; d activation dimensions; J (d, p) Jacobian, one per sample.
"""

import warnings
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


def linearized(mean: Callable[[Tensor], Tensor], images: Tensor) -> Linear:
    """Linearise `mean` at images (n, 3, S, S): a product then costs no more than `mean` itself.

    The forward product replays only what is linear in the tangent; `torch.func.jvp` would compute
    the activation again each time.
    """
    with warnings.catch_warnings():  # both are about PyTorch's own insides
        warnings.filterwarnings("ignore", "Attempted to insert a get_attr Node", UserWarning)
        warnings.filterwarnings("ignore", "`torch.jit.script", FutureWarning)
        activation, push = torch.func.linearize(mean, images)
    pull = torch.func.vjp(mean, images)[1]

    def forward(tangent: Tensor) -> Tensor:
        pushed: Tensor = push(tangent.view_as(images))
        return pushed.flatten(1)

    def transposed(cotangent: Tensor) -> Tensor:
        pulled: Tensor = pull(cotangent.view_as(activation))[0]
        return pulled.flatten(1)

    return Linear(forward, transposed, images[0].numel(), activation[0].numel())
