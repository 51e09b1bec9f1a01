"""The ceiling of the attribute track: a classifier of the same budget that sees the image."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...schemas import Setting, Track
from ..architectures import ImageStem, ResidualClassifier
from ..fitting import Budget, Example, apply, fit, seeded
from ..records import Records
from . import Attack


class RawImageClassifier(Attack):
    """Predict the sensitive attribute from the input image: not an attack but its yardstick.

    An attribute attack on an undefended activation that stays far below it is too weak to say
    anything about a defense. Same blocks, auxiliary records and epochs as `attribute_classifier`.
    """

    track = Track.ATTRIBUTE
    setting = Setting.AUXILIARY_WHITEBOX
    ceiling = True

    def __init__(self, *, epochs: Annotated[int, Field(ge=1)] = 8, seed: int = 0) -> None:
        self.budget = Budget(epochs)
        self.seed = seed

    def fit(self, auxiliary: Records) -> None:
        """Minimise the cross-entropy over the auxiliary images."""
        classes = len(auxiliary.manifest.sensitive.classes)
        with seeded(self.seed):
            self.network = nn.Sequential(ImageStem(), ResidualClassifier(64, classes))

        def loss(batch: Example) -> Tensor:
            return functional.cross_entropy(self.network(batch.images), batch.sensitive)

        fit(self.network, loss, auxiliary, self.client, self.budget, self.seed)

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (N, K)."""
        return torch.softmax(apply(self._logits, records.known("inputs")), dim=1)

    def _logits(self, inputs: Tensor) -> Tensor:
        logits: Tensor = self.network(inputs / 255)
        return logits
