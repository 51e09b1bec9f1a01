"""The ceiling of the attribute track: a classifier of the same budget that sees the image."""

from typing import Any

import torch
from torch import Tensor, nn

from ...schemas.config import Precision
from ..architectures import Capacity, ImageStem, ResidualClassifier
from ..fitting import Unencoded, apply
from ..reading.records import Records
from ._trained import Epochs, TrainedClassifier


class RawImageClassifier(TrainedClassifier):
    """Predict the sensitive attribute from the input image: not an attack but its yardstick.

    An attribute attack on an undefended activation that stays far below it is too weak to say
    anything about a defense. Same blocks, loss, auxiliary records and epochs as
    `attribute_classifier` of the same capacity.
    """

    ceiling = True

    def __init__(
        self,
        *,
        epochs: Epochs = 8,
        capacity: Capacity = "small",
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(epochs=epochs, augment=True, precision=precision, seed=seed)
        self.capacity = capacity

    def build(self, auxiliary: Records) -> nn.Module:
        """Put as much as a client before the classifier."""
        side = auxiliary.manifest.dataset.image_size // 4
        classes = len(auxiliary.manifest.sensitive.classes)
        tail = ResidualClassifier(nn.BatchNorm2d(64), 64, side, classes, self.capacity)
        return nn.Sequential(ImageStem(), tail)

    def encoder(self, auxiliary: Records) -> Any:
        """Let the network see the images themselves."""
        return Unencoded(self.client.augment)

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (N, K)."""
        return torch.softmax(apply(self._logits, records.known("inputs")), dim=1)

    def _logits(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs / 255)
        return logits
