"""Attribute classifier: a convolutional network trained from scratch on auxiliary pairs."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...schemas import Setting, Track
from ..architectures import ResidualClassifier
from ..fitting import Budget, Example, apply, fit, seeded
from ..records import Records
from . import Attack


class AttributeClassifier(Attack):
    """Predict the sensitive attribute from the activation with two residual blocks.

    With `augment` (the default) the attacker uses the client's weights to encode flipped and
    shifted auxiliary images, with fresh noise; without, only the released pairs are used.
    """

    track = Track.ATTRIBUTE

    def __init__(
        self,
        *,
        epochs: Annotated[int, Field(ge=1)] = 8,
        augment: bool = True,
        seed: int = 0,
    ) -> None:
        self.budget = Budget(epochs)
        self.seed = seed
        self.setting = Setting.AUXILIARY_WHITEBOX if augment else Setting.AUXILIARY

    def fit(self, auxiliary: Records) -> None:
        """Minimise the cross-entropy over the auxiliary pairs."""
        with seeded(self.seed):
            self.network = ResidualClassifier(
                auxiliary.activation.shape[1], len(auxiliary.manifest.sensitive.classes)
            )

        def loss(batch: Example) -> Tensor:
            return functional.cross_entropy(self.network(batch.activation), batch.sensitive)

        fit(self.network, loss, auxiliary, self.client, self.budget, self.seed)

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (N, K)."""
        return torch.softmax(apply(self.network, records.activation), dim=1)
