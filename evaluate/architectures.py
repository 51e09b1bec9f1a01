"""Networks of the attackers, independent of the defender's proxies.

Legend: N batch, C H W activation channels, height, width; S image side; K classes.
"""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Capacity = Literal["small", "large"]
WIDTHS: Mapping[Capacity, tuple[int, ...]] = {"small": (128, 256), "large": (128, 256, 512)}
PATCH = 3  # places a side
LONGEST_PATCH = 1152  # numbers; above it single places are whitened
KEPT_PER_CHANNEL = 4  # components of a patch
PATCHES = 2**17  # from which the components are taken
SMALLEST_VARIANCE = 1e-5  # of the largest: float16 rounds away what is below
TINY = 1e-12  # a variance: where nothing varies there is nothing to scale


class Residual(nn.Module):
    """Two 3x3 convolutions with a shortcut, (N, C, H, W) to (N, width, H/stride, W/stride)."""

    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, values: Tensor) -> Tensor:
        """Add the shortcut and rectify."""
        return torch.relu(self.main(values) + self.shortcut(values))


class PatchWhitening(nn.Module):
    """(N, C, H, W) to (N, D, H, W): neighbourhoods of each place, decorrelated, of unit variance.

    A client puts most of its activation's variance into a few directions. What it was not trained
    for lies in the small rest, which gradient descent is slow to find. So the principal components
    of 3 x 3 patches (of single places where there are many channels) are scaled alike, as in the
    first layer of Jordan (2024), "94 % on CIFAR-10 in 3.29 seconds". They are taken from a sample
    of `activations` and stay fixed.
    """

    def __init__(self, activations: Tensor) -> None:
        super().__init__()
        channels = activations.shape[1]
        side = PATCH if channels * PATCH**2 <= LONGEST_PATCH else 1
        patches = self._patches(activations, side)
        self.kept = min(KEPT_PER_CHANNEL * channels, patches.shape[1], len(patches) // 4)
        variances, directions = torch.linalg.eigh(torch.cov(patches.T).double())
        least = SMALLEST_VARIANCE * variances[-1] + TINY  # the largest is the last
        rows = (directions * variances.clamp(min=least).rsqrt()).T.flip(0)[: self.kept]
        self.weight: Tensor
        self.bias: Tensor
        self.register_buffer("weight", rows.float().reshape(-1, channels, side, side))
        self.register_buffer("bias", -(rows @ patches.mean(dim=0).double()).float())

    @staticmethod
    def _patches(activations: Tensor, side: int) -> Tensor:
        """The neighbourhoods in the first activations, zeros beyond the border: (P, C · side²)."""
        enough = math.ceil(PATCHES / activations[0, 0].numel())
        unfolded = functional.unfold(activations[:enough].float(), side, padding=side // 2)
        return unfolded.transpose(1, 2).flatten(0, 1)

    def forward(self, activation: Tensor) -> Tensor:
        """Project on the scaled components, in float32: the small ones drown in less."""
        with torch.autocast(activation.device.type, enabled=False):
            padding = self.weight.shape[-1] // 2
            return functional.conv2d(activation.float(), self.weight, self.bias, padding=padding)


class ResidualClassifier(nn.Sequential):
    """(N, C, H, W) to (N, K) logits: a first layer, residual blocks, a linear layer.

    `first` keeps the places and makes `channels` of the C. `small` has two blocks, each of which
    halves the side; `large` has the widths of a ResNet-18's tail, and its first block leaves a side
    of up to 8 as it is.
    """

    def __init__(
        self, first: nn.Module, channels: int, side: int, classes: int, capacity: Capacity
    ) -> None:
        layers: list[nn.Module] = [first]
        for width in WIDTHS[capacity]:
            keeps_side = capacity == "large" and len(layers) == 1 and side <= 8
            layers.append(Residual(channels, width, stride=1 if keeps_side else 2))
            channels = width
        super().__init__(
            *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)
        )


class ZeroPattern(nn.Module):
    """(N, C, H, W) to (N, C): one for a channel that was let through, zero for a pruned one."""

    def forward(self, activation: Tensor) -> Tensor:
        """Look for channels in which everything is exactly zero."""
        return (activation != 0).flatten(2).any(dim=2).float()


class MaskNetwork(nn.Sequential):
    """(N, C, H, W) to (N, K) logits from the zero pattern alone."""

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__(
            ZeroPattern(),
            nn.Linear(channels, 256),
            nn.ReLU(),
            nn.Linear(256, 256),
            nn.ReLU(),
            nn.Linear(256, classes),
        )


class SumOfLogits(nn.Module):
    """Several classifiers as one: their logits add up, so their evidence multiplies."""

    def __init__(self, *classifiers: nn.Module) -> None:
        super().__init__()
        self.classifiers = nn.ModuleList(classifiers)

    def forward(self, activation: Tensor) -> Tensor:
        """Add the logits (N, K)."""
        return torch.stack([classify(activation) for classify in self.classifiers]).sum(dim=0)


class ConvDecoder(nn.Sequential):
    """(N, C, H, W) to images (N, 3, S, S) in [0, 1]: doubles the side until it reaches S.

    `width` channels at the activation's size, half as many after each doubling, at least 32.
    """

    def __init__(self, shape: tuple[int, int, int], size: int, width: int) -> None:
        channels, side, _ = shape
        layers: list[nn.Module] = [Residual(channels, width)]
        while side < size:
            narrower = max(width // 2, 32)
            layers += [
                nn.ConvTranspose2d(width, narrower, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(narrower),
                nn.ReLU(),
            ]
            side, width = 2 * side, narrower
        if side != size:
            layers.append(nn.Upsample(size=(size, size), mode="bilinear"))
        super().__init__(*layers, nn.Conv2d(width, 3, 3, padding=1), nn.Sigmoid())


class ImageStem(nn.Sequential):
    """Images (N, 3, S, S) in [0, 1] to (N, 64, S/4, S/4): as much as a client through layer1."""

    def __init__(self) -> None:
        super().__init__(
            nn.BatchNorm2d(3),
            nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(),
            nn.MaxPool2d(3, stride=2, padding=1),
            Residual(64, 64),
            Residual(64, 64),
        )
