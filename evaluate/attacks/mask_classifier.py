"""Mask classifier: reads the attribute from which channels a defense has pruned."""

from typing import ClassVar, Literal

from torch import nn

from ...schemas import Manifest
from ..architectures import MaskNetwork, ResidualClassifier, SumOfLogits
from ..fitting import Precision
from ..records import Records
from . import Variants
from ._trained import Epochs, TrainedClassifier


class MaskClassifier(TrainedClassifier):
    """Predict the sensitive attribute from the zero pattern of the channels.

    A filter that is chosen for each sample, as DISCO's is, is itself a function of the input. With
    `reads="mask_and_activation"` a small `attribute_classifier` adds what the kept channels hold.
    """

    variants: ClassVar[Variants] = ({}, {"reads": "mask_and_activation"})

    @classmethod
    def unsuited(cls, manifest: Manifest) -> str | None:
        """Without a defense there is no mask."""
        undefended = manifest.defense.name == "none"
        return "there is no defense that could prune a channel" if undefended else None

    def __init__(
        self,
        *,
        epochs: Epochs = 8,
        reads: Literal["mask", "mask_and_activation"] = "mask",
        augment: bool = True,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(epochs=epochs, augment=augment, precision=precision, seed=seed)
        self.reads = reads

    def build(self, auxiliary: Records) -> nn.Module:
        """Make the classifier for these channels and classes."""
        shape = auxiliary.manifest.client.activation_shape
        classes = len(auxiliary.manifest.sensitive.classes)
        mask = MaskNetwork(shape[0], classes)
        if self.reads == "mask":
            return mask
        return SumOfLogits(mask, ResidualClassifier(shape, classes, "small"))
