"""Query averaging: reads the attribute from what is left when a random defense is averaged out."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from ...schemas.config import Precision
from ..fitting import apply
from ..reading.records import Records
from ..scoring.evidence import Evidence
from ._averaging import AveragingAttack
from ._trained import Epochs
from .attribute_classifier import AttributeClassifier


class QueryAveraging(AveragingAttack, AttributeClassifier):
    """Predict the sensitive attribute from the average of all queries of an image.

    It is trained on the average of 1, 2, 4, … up to `queries` simulated queries of each auxiliary
    image, encoded through the client's weights: some images are asked about once, others often.
    """

    def __init__(
        self,
        *,
        epochs: Epochs = 8,
        queries: Annotated[int, Field(ge=1)] = 16,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(epochs=epochs, precision=precision, seed=seed)
        self.queries = queries

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (Q, K), the same for every query of an image."""
        evidence = Evidence.of(records)
        return torch.softmax(apply(self.network, evidence.activation), dim=1)[evidence.image_of]
