"""Attribute classifier: a convolutional network trained from scratch on auxiliary pairs."""

from typing import ClassVar

from torch import nn

from ...schemas.config import Precision
from ..architectures import Capacity
from ..reading.records import Records
from ..zoo import Architecture, Classifier, Whitening
from . import Variants
from ._trained import Epochs, TrainedClassifier, whitened_classifier


class AttributeClassifier(TrainedClassifier):
    """Predict the sensitive attribute from the activation with residual blocks.

    With `augment` (the default) the attacker uses the client's weights to encode flipped and
    shifted auxiliary images, with fresh noise; without, only the released pairs are used.
    """

    variants: ClassVar[Variants] = ({}, {"capacity": "large"})

    def __init__(
        self,
        *,
        epochs: Epochs = 8,
        capacity: Capacity = "small",
        augment: bool = True,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(epochs=epochs, augment=augment, precision=precision, seed=seed)
        self.capacity = capacity

    def build(self, auxiliary: Records) -> nn.Module:
        """Make the classifier for this activation and these classes."""
        return whitened_classifier(auxiliary, self.capacity)

    @property
    def architecture(self) -> Architecture:
        """That of the trained network."""
        return Classifier(
            whitening=Whitening.of(self.network.get_submodule("0")), capacity=self.capacity
        )
