"""Convolutions that end in a single place: matrix products, which processors compute faster.

A ResNet of 32 x 32 pixels ends in stages of 1 x 1, where most taps of a 3 x 3 kernel see padding
alone. Cropped to the taps that see something, the convolution is a linear layer of the same
numbers; training on two cores becomes more than twice as fast (`leakboard bench train`).
"""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional

Pair = tuple[int, int]


class Convolution(nn.Conv2d):
    """A convolution with zero padding, without dilation or groups."""

    def forward(self, input: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, O, H', W'), as `nn.Conv2d` does."""
        if not self._ends_in_one_place(input):
            return super().forward(input)
        (top, left), (down, right) = cast("Pair", self.padding), cast("Pair", self.kernel_size)
        seen = input[:, :, : down - top, : right - left]
        height, width = seen.shape[2:]
        taps = self.weight[:, :, top : top + height, left : left + width]
        return functional.linear(seen.flatten(1), taps.flatten(1), self.bias)[:, :, None, None]

    def _ends_in_one_place(self, input: Tensor) -> bool:
        paddings = cast("Pair", self.padding)
        sides = zip(input.shape[2:], self.kernel_size, self.stride, paddings, strict=True)
        return all(0 <= side + 2 * pad - kernel < step for side, kernel, step, pad in sides)


def with_matrix_products(network: nn.Module) -> nn.Module:
    """Replace the plain convolutions of a network, in place; the weights are the same tensors."""
    for name, layer in list(network.named_modules()):
        if type(layer) is nn.Conv2d and _plain(layer):
            made = Convolution(
                layer.in_channels,
                layer.out_channels,
                cast("Pair", layer.kernel_size),
                cast("Pair", layer.stride),
                cast("Pair", layer.padding),
                bias=layer.bias is not None,
                device="meta",  # draws no weights
            )
            made.weight, made.bias = layer.weight, layer.bias
            network.set_submodule(name, made)
    return network


def _plain(layer: nn.Conv2d) -> bool:
    simple = layer.groups == 1 and set(layer.dilation) == {1} and layer.padding_mode == "zeros"
    return simple and not isinstance(layer.padding, str)
