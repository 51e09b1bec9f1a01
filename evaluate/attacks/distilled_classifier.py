"""Distilled classifier: learns from what a teacher sees in the images (Hinton et al. 2015)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...schemas.config import Precision
from ..architectures import Capacity
from ..fitting import Example
from ..reading.records import Records
from ._trained import Epochs
from .attribute_classifier import AttributeClassifier
from .raw_image_classifier import RawImageClassifier


class DistilledClassifier(AttributeClassifier):
    """Predict the sensitive attribute as a teacher does that sees the image.

    First a `raw_image_classifier` is trained on the auxiliary images. Then the network learns the
    teacher's probabilities for each augmented image from its activation: they say of every image
    which classes it resembles, where a label names one. Both train for `epochs`.
    """

    def __init__(
        self,
        *,
        epochs: Epochs = 8,
        capacity: Capacity = "small",
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(epochs=epochs, capacity=capacity, precision=precision, seed=seed)
        self.teacher = RawImageClassifier(
            epochs=epochs, capacity=capacity, precision=precision, seed=seed
        )

    def fit(self, auxiliary: Records) -> None:
        """Train the teacher, then the network."""
        self.teacher.client = self.client
        self.teacher.fit(auxiliary)
        super().fit(auxiliary)

    def loss(self, network: nn.Module, batch: Example) -> Tensor:
        """Cross-entropy with the teacher's probabilities."""
        with torch.no_grad():
            taught = torch.softmax(self.teacher.network(batch.images).float(), dim=1)
        return functional.cross_entropy(network(batch.activation), taught)
