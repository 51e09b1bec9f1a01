"""The spatial decoupler of DISCO's pre-processing module (section 3.3)."""

from math import isqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...schemas import BadConfig


class SpatialDecoupler(nn.Module):
    """In place of a client's first convolution: channel i sees the i-th of d x d tiles alone.

    Each tile is resized to the whole image's size, goes through the convolution, and the mean over
    its F filters is one channel; d² = F, so nothing after it changes. All of this is one linear
    map, the same for every tile, and is computed as such instead of by F convolutions.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.convolution = convolution
        self.tiles = isqrt(convolution.out_channels)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, S, S) to (N, d², H, W); ValueError where the side is not a multiple of d."""
        count, planes, side, _ = images.shape
        d = self.tiles
        if side % d:
            raise ValueError(f"expected a side that divides into {d} tiles, but got {side}")
        grid = images.reshape(count, planes, d, side // d, d, side // d)
        tiles = grid.permute(0, 2, 4, 1, 3, 5).reshape(count, d**2, -1)
        responses = self._responses(images.new_zeros(planes, side // d, side // d), side)
        means: Tensor = (tiles @ responses.flatten(1)).unflatten(2, responses.shape[1:])
        bias = self.convolution.bias
        return means if bias is None else means + bias.mean()

    def _responses(self, tile: Tensor, side: int) -> Tensor:
        """The mean response (H, W) to each of the pixels of a tile, enlarged."""
        pixels = torch.eye(tile.numel(), dtype=tile.dtype, device=tile.device)
        enlarged = functional.interpolate(
            pixels.unflatten(1, tile.shape), (side, side), mode="bilinear"
        )
        layer = self.convolution
        mean_filter = layer.weight.mean(dim=0, keepdim=True)
        response = functional.conv2d(
            enlarged, mean_filter, None, layer.stride, layer.padding, layer.dilation
        )
        return response.squeeze(1)


def decoupled(layers: nn.Module) -> nn.Module:
    """Put the decoupler in place of the first convolution; `BadConfig` where F is no square."""
    for name, convolution in layers.named_modules():
        if isinstance(convolution, nn.Conv2d):
            if isqrt(convolution.out_channels) ** 2 != convolution.out_channels:
                raise BadConfig(
                    "defense.decoupler: expected a first convolution whose filters are as many as "
                    f"d x d tiles, but got {convolution.out_channels}; switch the decoupler off"
                )
            if convolution.groups > 1 or convolution.padding_mode != "zeros":
                raise BadConfig(
                    "defense.decoupler: expected a first convolution of one group that is padded "
                    "with zeros; switch the decoupler off"
                )
            layers.set_submodule(name, SpatialDecoupler(convolution))
            return layers
    raise BadConfig(
        "defense.decoupler: expected a client with a convolution, but there is none; "
        "switch the decoupler off"
    )
