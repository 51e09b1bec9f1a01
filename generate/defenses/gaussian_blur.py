"""A Gaussian blur of the image, before the client's first layer."""

import math
from collections import OrderedDict
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from ..noise import Noise
from . import Defense


class GaussianBlur(Defense):
    """Send the activation of an image that was blurred on the device; `sigma` is in pixels.

    What published code got wrong: an unpadded kernel of its own odd width, which shrinks the image.
    """

    def __init__(self, *, sigma: Annotated[float, Field(gt=0)]) -> None:
        super().__init__()
        self.sigma = sigma

    def prepare(self, layers: nn.Module) -> nn.Module:
        """Put the blur in front of the client's layers."""
        if isinstance(layers, nn.Sequential):
            return nn.Sequential(
                OrderedDict(blur=Blur(self.sigma), **dict(layers.named_children()))
            )
        return _Blurred(Blur(self.sigma), layers)

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return (N, C, H, W) unchanged."""
        return activation


class Blur(nn.Module):
    """Blur images (N, 3, S, S) with reflected borders; the kernel reaches three sigma far."""

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    def forward(self, images: Tensor) -> Tensor:
        """Keep the shape."""
        reach = min(math.ceil(3 * self.sigma), images.shape[-1] - 1)  # reflection needs S > reach
        blurred: Tensor = gaussian_blur(images, [2 * reach + 1] * 2, [self.sigma] * 2)
        return blurred

    def extra_repr(self) -> str:
        """The width, in pixels."""
        return f"sigma={self.sigma}"


class _Blurred(nn.Module):
    """A network of the user's own behind the blur; no chain of blocks, so nowhere else to cut."""

    def __init__(self, blur: Blur, network: nn.Module) -> None:
        super().__init__()
        self.blur = blur
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        activation: Tensor = self.network(self.blur(images))
        return activation
