"""What attacks by a trained network share: the network, its loss, and how they see pairs."""

from abc import abstractmethod
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...schemas import Setting, Track, UsageError
from ...schemas.config import Precision
from ..architectures import Capacity, PatchWhitening, ResidualClassifier
from ..fitting import Budget, Example, apply, fit, seeded
from ..reading.records import Records
from ..zoo import Architecture
from . import Attack, Effort

Epochs = Annotated[int, Field(ge=1)]
WEIGHT_DECAY = 0.05
LABEL_SMOOTHING = 0.1


class TrainedAttack(Attack):
    """A network trained from scratch on auxiliary pairs by the one loop of `fitting`.

    With `augment` the attacker uses the client's weights to encode flipped and shifted auxiliary
    images, with fresh noise; without, only the released pairs are used.
    """

    effort = Effort.TRAINING

    def __init__(self, *, epochs: int, augment: bool, seed: int) -> None:
        self.budget = Budget(epochs)
        self.seed = seed
        self.setting = Setting.AUXILIARY_WHITEBOX if augment else Setting.AUXILIARY

    @abstractmethod
    def build(self, auxiliary: Records) -> nn.Module:
        """Make the untrained network for these records."""

    @abstractmethod
    def loss(self, network: nn.Module, batch: Example) -> Tensor:
        """Say what is minimised: a number per batch."""

    @property
    def architecture(self) -> Architecture:
        """Which architecture the trained network is; `UsageError` where it is none of the zoo."""
        raise UsageError(
            f"{type(self).__name__} has no network that can be saved as a model; "
            "attribute_classifier, mask_classifier and decoder have"
        )

    def encoder(self, auxiliary: Records) -> Any:
        """What encodes augmented images: by default the client, None for the released pairs."""
        return self.client

    def fit(self, auxiliary: Records) -> None:
        """Minimise the loss over the auxiliary pairs."""
        with seeded(self.seed):
            self.network = self.build(auxiliary)
        fit(
            self.network,
            lambda batch: self.loss(self.network, batch),
            auxiliary,
            self.encoder(auxiliary),
            self.budget,
            self.seed,
            type(self).__name__,
        )


class TrainedClassifier(TrainedAttack):
    """A network (N, C, H, W) to (N, K) logits of the sensitive attribute."""

    track = Track.ATTRIBUTE

    def __init__(self, *, epochs: int, augment: bool, precision: Precision, seed: int) -> None:
        super().__init__(epochs=epochs, augment=augment, seed=seed)
        self.budget = Budget(epochs, weight_decay=WEIGHT_DECAY, precision=precision)

    def loss(self, network: nn.Module, batch: Example) -> Tensor:
        """Cross-entropy with smoothed labels."""
        logits = network(batch.activation)
        return functional.cross_entropy(logits, batch.sensitive, label_smoothing=LABEL_SMOOTHING)

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (N, K)."""
        return torch.softmax(apply(self.network, records.activation), dim=1)


def whitened_classifier(auxiliary: Records, capacity: Capacity) -> ResidualClassifier:
    """Make the untrained classifier of activations like these, behind a whitening of theirs."""
    whitening = PatchWhitening(auxiliary.activation)
    side = auxiliary.manifest.client.activation_shape[1]
    classes = len(auxiliary.manifest.sensitive.classes)
    return ResidualClassifier(whitening, whitening.kept, side, classes, capacity)
