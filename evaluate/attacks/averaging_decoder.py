"""Averaging decoder: rebuilds the image from what is left when a random defense is averaged out."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from ..fitting import apply
from ..reading.records import Records
from ..scoring.evidence import Evidence
from ._averaging import AveragingAttack
from ._trained import Epochs
from .decoder import Capacity, Decoder


class AveragingDecoder(AveragingAttack, Decoder):
    """Rebuild the input, as `decoder` does, from the average of all queries of an image.

    It is trained on the average of 1, 2, 4, … up to `queries` simulated queries of each auxiliary
    image, encoded through the client's weights: some images are asked about once, others often.
    """

    def __init__(
        self,
        *,
        capacity: Capacity = "medium",
        epochs: Epochs = 4,
        queries: Annotated[int, Field(ge=1)] = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(capacity=capacity, epochs=epochs, seed=seed)
        self.queries = queries

    def predict(self, records: Records) -> Tensor:
        """Return images (Q, 3, S, S) in [0, 1], the same for every query of an image."""
        evidence = Evidence.of(records)
        return apply(self.network, evidence.activation)[evidence.image_of]
