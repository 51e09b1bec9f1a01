"""Deep image priors: untrained generators, one per image, that run side by side as one network.

Legend: N images, C channels of each, S image side in pixels.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .optimizing import Candidates

Draws = Sequence[torch.Generator]

CODE_CHANNELS = 16
# Channels after each 3x3 convolution, at a quarter, at a half, and at the whole image side.
WIDTHS = ((32, 32), (32, 16), (16,))
GROUPS = 8  # of each image's group normalisation


class ImagePriors(Candidates):
    """N generators of (N, 3, S, S) images in (0, 1), each from a fixed code of its own.

    3x3 convolutions with group normalisation at three scales and a 1x1 convolution at the end,
    after Ulyanov et al. 2018 without the encoder half. Grouped convolutions hold the generators
    apart: each has the same weights and gradients as alone. `draws` holds the random numbers of
    each image.
    """

    def __init__(self, draws: Draws, size: int) -> None:
        super().__init__()
        self.size = size
        side = math.ceil(size / 2 ** (len(WIDTHS) - 1))
        code = [0.1 * torch.rand(CODE_CHANNELS, side, side, generator=draw) for draw in draws]
        self.code: Tensor
        self.register_buffer("code", torch.cat(code)[None])  # 1, N · C, side, side
        layers: list[nn.Module] = []
        channels = CODE_CHANNELS
        for scale, widths in enumerate(WIDTHS):
            layers += [nn.Upsample(scale_factor=2)] if scale else []
            for width in widths:
                layers += _block(draws, channels, width)
                channels = width
        self.layers = nn.Sequential(*layers, SideBySide(draws, channels, 3, kernel=1))

    def forward(self) -> Tensor:
        """Generate the N images."""
        values = self.layers(self.code)[0, :, : self.size, : self.size]
        return torch.sigmoid(values.unflatten(0, (-1, 3)))


def _block(draws: Draws, channels: int, width: int) -> list[nn.Module]:
    normalized = nn.GroupNorm(GROUPS * len(draws), width * len(draws))  # groups within an image
    return [SideBySide(draws, channels, width, kernel=3), normalized, nn.LeakyReLU(0.2)]


class SideBySide(nn.Module):
    """N convolutions with weights of their own, (1, N · C, h, w) to (1, N · width, h, w)."""

    def __init__(self, draws: Draws, channels: int, width: int, kernel: int) -> None:
        super().__init__()
        shape, spread = (width, channels, kernel, kernel), (channels * kernel**2) ** -0.5
        weights = [spread * torch.randn(shape, generator=draw) for draw in draws]
        self.weight = nn.Parameter(torch.cat(weights))
        self.bias = nn.Parameter(torch.zeros(width * len(draws)))
        self.images = len(draws)
        self.margin = kernel // 2

    def forward(self, values: Tensor) -> Tensor:
        """Convolve each image with its own weights."""
        return functional.conv2d(
            values, self.weight, self.bias, padding=self.margin, groups=self.images
        )
