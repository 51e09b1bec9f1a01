"""Mask classifier: reads the attribute from which channels a defense has pruned."""

from typing import ClassVar, Literal

from torch import nn

from ...schemas import UsageError
from ...schemas.config import Precision
from ..architectures import MaskNetwork, SumOfLogits, ZeroPattern
from ..reading.records import Records
from ..zoo import Architecture, Classifier, Mask, Whitening
from . import Variants
from ._trained import Epochs, TrainedClassifier, whitened_classifier


class MaskClassifier(TrainedClassifier):
    """Predict the sensitive attribute from the zero pattern of the channels.

    A filter that is chosen for each sample, as DISCO's is, is itself a function of the input; so is
    which channels rectify to nothing, where there is no filter. With
    `reads="mask_and_activation"` a small `attribute_classifier` adds what the kept channels hold.
    """

    variants: ClassVar[Variants] = ({}, {"reads": "mask_and_activation"})

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

    def fit(self, auxiliary: Records) -> None:
        """Minimise the loss; `UsageError` where all records have the same pattern."""
        if not masks_differ(auxiliary):
            raise UsageError(
                "mask_classifier reads which channels are all zero, but that is the same in all "
                f"{len(auxiliary)} auxiliary records of {auxiliary.manifest.name}, so there is "
                "nothing to read; use attribute_classifier"
            )
        super().fit(auxiliary)

    def build(self, auxiliary: Records) -> nn.Module:
        """Make the classifier for these channels and classes."""
        manifest = auxiliary.manifest
        channels, classes = manifest.client.activation_shape[0], len(manifest.sensitive.classes)
        mask = MaskNetwork(channels, classes)
        if self.reads == "mask":
            return mask
        return SumOfLogits(mask, whitened_classifier(auxiliary, "small"))

    @property
    def architecture(self) -> Architecture:
        """That of the trained network."""
        if self.reads == "mask":
            return Mask()
        whitening = Whitening.of(self.network.get_submodule("classifiers.1.0"))
        return Mask(classifier=Classifier(whitening=whitening, capacity="small"))


def masks_differ(records: Records) -> bool:
    """Whether some channel is all zero in some records and not in others."""
    patterns = ZeroPattern()(records.activation)
    return not bool((patterns == patterns[0]).all())
