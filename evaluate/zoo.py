"""The architectures whose weights can be submitted, each by its name and options.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

from abc import abstractmethod
from typing import ClassVar, Literal, Self

from pydantic import Field
from torch import nn

from ..schemas import Record, Track
from .architectures import (
    Capacity,
    ConvDecoder,
    MaskNetwork,
    PatchWhitening,
    ResidualClassifier,
    SumOfLogits,
)
from .runners.exchange import Task


class Architecture(Record):
    """The options of an architecture; with a task they say which weights it has."""

    track: ClassVar[Track]

    @abstractmethod
    def network(self, task: Task) -> nn.Module:
        """Make it: (N, C, H, W) to logits (N, K), or to images (N, 3, S, S) in [0, 1]."""


class Whitening(Record):
    """A first layer that keeps `components` of patches of a side of so many places."""

    components: int = Field(ge=1, le=4608)
    patch: Literal[1, 3]

    @classmethod
    def of(cls, layer: nn.Module) -> Self:
        """That of a network that was trained behind one."""
        assert isinstance(layer, PatchWhitening)
        return cls.parse({"components": layer.kept, "patch": layer.weight.shape[-1]}, "whitening")

    def layer(self, task: Task) -> nn.Module:
        """A convolution, which is what a whitening is once it was fitted."""
        padding = self.patch // 2
        return nn.Conv2d(task.activation[0], self.components, self.patch, padding=padding)


class Classifier(Architecture):
    """Residual blocks on whitened patches: that of `attribute_classifier`."""

    track = Track.ATTRIBUTE
    whitening: Whitening
    capacity: Capacity

    def network(self, task: Task) -> nn.Module:
        """Make it: (N, C, H, W) to logits (N, K)."""
        first, side = self.whitening.layer(task), task.activation[1]
        return ResidualClassifier(
            first, self.whitening.components, side, task.classes, self.capacity
        )


class Mask(Architecture):
    """Which channels are zero, and what a classifier beside it reads: that of `mask_classifier`."""

    track = Track.ATTRIBUTE
    classifier: Classifier | None = None

    def network(self, task: Task) -> nn.Module:
        """Make it: (N, C, H, W) to logits (N, K)."""
        mask = MaskNetwork(task.activation[0], task.classes)
        return SumOfLogits(mask, self.classifier.network(task)) if self.classifier else mask


class Decoder(Architecture):
    """Transposed convolutions on whitened patches: that of `decoder`."""

    track = Track.RECONSTRUCTION
    whitening: Whitening
    width: int = Field(ge=32, le=1024)

    def network(self, task: Task) -> nn.Module:
        """Make it: (N, C, H, W) to images (N, 3, S, S)."""
        side = task.activation[1]
        shape = (self.whitening.components, side, side)
        return nn.Sequential(self.whitening.layer(task), ConvDecoder(shape, task.side, self.width))


ARCHITECTURES: dict[str, type[Architecture]] = {
    "classifier": Classifier,
    "mask": Mask,
    "decoder": Decoder,
}


def name_of(architecture: Architecture) -> str:
    """The name under which an architecture is known."""
    return next(name for name, kind in ARCHITECTURES.items() if type(architecture) is kind)
