"""Attribute classifier: a convolutional network trained from scratch on auxiliary pairs."""

import torch
from torch import Tensor, nn

from ...schemas import Track
from ..architectures import ResidualClassifier
from ..fitting import apply
from ..records import Records
from ._trained import Epochs, TrainedAttack


class AttributeClassifier(TrainedAttack):
    """Predict the sensitive attribute from the activation with two residual blocks.

    With `augment` (the default) the attacker uses the client's weights to encode flipped and
    shifted auxiliary images, with fresh noise; without, only the released pairs are used.
    """

    track = Track.ATTRIBUTE

    def __init__(self, *, epochs: Epochs = 8, augment: bool = True, seed: int = 0) -> None:
        super().__init__(epochs=epochs, augment=augment, seed=seed)

    def build(self, auxiliary: Records) -> nn.Module:
        """Make the classifier for these channels and classes."""
        channels, classes = auxiliary.activation.shape[1], len(auxiliary.manifest.sensitive.classes)
        return ResidualClassifier(channels, classes)

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (N, K)."""
        return torch.softmax(apply(self.network, records.activation), dim=1)
