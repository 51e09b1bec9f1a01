"""Deep image priors: untrained generators, one per image, that run side by side as one network.

Legend: N images, S image side in pixels, C channels.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from .optimizing import Candidates

WIDTHS = (32, 32, 16)  # channels at a quarter, a half and the whole of the image side
CODE_CHANNELS = 16
GROUPS = 8  # of each image's group normalisation


class ImagePriors(Candidates):
    """N generators of (N, 3, S, S) images in (0, 1), each from a fixed code of its own.

    At each of three scales two 3x3 convolutions with group normalisation, after Ulyanov et al.
    2018 without the encoder half. Grouped convolutions hold the N generators apart: image n has
    the same weights and gradients as alone. `draws` gives each image its random numbers.
    """

    def __init__(self, draws: Sequence[torch.Generator], size: int) -> None:
        super().__init__()
        self.images, self.size = len(draws), size
        side = math.ceil(size / 2 ** (len(WIDTHS) - 1))
        code = [0.1 * torch.rand(CODE_CHANNELS, side, side, generator=draw) for draw in draws]
        self.code: Tensor
        self.register_buffer("code", torch.cat(code)[None])
        widths = [CODE_CHANNELS, *(width for width in WIDTHS for _ in range(2)), 3]
        self.kernels, self.gains, self.shifts = (nn.ParameterList() for _ in range(3))
        for inputs, outputs in pairwise(widths):
            shape, spread = (outputs, inputs, 3, 3), 1 / math.sqrt(9 * inputs)
            kernels = [spread * torch.randn(shape, generator=draw) for draw in draws]
            self.kernels.append(torch.cat(kernels))
            self.gains.append(torch.ones(self.images * outputs))
            self.shifts.append(torch.zeros(self.images * outputs))

    def forward(self) -> Tensor:
        """Generate the N images."""
        values = self.code  # 1, N · C, side, side
        for scale in range(len(WIDTHS)):
            if scale:
                values = functional.interpolate(values, scale_factor=2, mode="nearest")
            for layer in (2 * scale, 2 * scale + 1):
                values = functional.leaky_relu(self._normalized(values, layer), 0.2)
        values = self._convolved(values[:, :, : self.size, : self.size], -1)
        images = values * self.gains[-1][:, None, None] + self.shifts[-1][:, None, None]
        return torch.sigmoid(images.reshape(self.images, 3, self.size, self.size))

    def _normalized(self, values: Tensor, layer: int) -> Tensor:
        return functional.group_norm(
            self._convolved(values, layer),
            GROUPS * self.images,
            self.gains[layer],
            self.shifts[layer],
        )

    def _convolved(self, values: Tensor, layer: int) -> Tensor:
        return functional.conv2d(values, self.kernels[layer], padding=1, groups=self.images)
