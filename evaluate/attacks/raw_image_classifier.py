"""The ceiling of the attribute track: a classifier of the same budget that sees the image."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...schemas import Track
from ..architectures import ImageStem, ResidualClassifier
from ..fitting import Example, apply
from ..records import Records
from ._trained import Epochs, TrainedAttack


class RawImageClassifier(TrainedAttack):
    """Predict the sensitive attribute from the input image: not an attack but its yardstick.

    An attribute attack on an undefended activation that stays far below it is too weak to say
    anything about a defense. Same blocks, auxiliary records and epochs as `attribute_classifier`.
    """

    track = Track.ATTRIBUTE
    ceiling = True

    def __init__(self, *, epochs: Epochs = 8, seed: int = 0) -> None:
        super().__init__(epochs=epochs, augment=True, seed=seed)

    def build(self, auxiliary: Records) -> nn.Module:
        """Put as much as a client before the classifier."""
        classes = len(auxiliary.manifest.sensitive.classes)
        return nn.Sequential(ImageStem(), ResidualClassifier(64, classes))

    def loss(self, network: nn.Module, batch: Example) -> Tensor:
        """Cross-entropy of what the images show."""
        return functional.cross_entropy(network(batch.images), batch.sensitive)

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (N, K)."""
        return torch.softmax(apply(self._logits, records.known("inputs")), dim=1)

    def _logits(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs / 255)
        return logits
