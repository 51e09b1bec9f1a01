"""Query averaging: undoes a randomised defense by asking about the same image several times.

Legend: Q records (queries), N images, C H W activation channels, height, width; K classes.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ...schemas import Manifest
from ...schemas.config import Precision
from ..fitting import apply
from ..reading.records import Records
from ..scoring.evidence import Evidence, averaged
from . import Variants
from ._trained import Epochs
from .attribute_classifier import AttributeClassifier


class QueryAveraging(AttributeClassifier):
    """Predict the sensitive attribute from the average of all queries of an image.

    It is trained on the average of 1, 2, 4, … up to `queries` simulated queries of each auxiliary
    image, encoded through the client's weights: some images are asked about once, others often.
    """

    repeated_queries: ClassVar[bool] = True
    variants: ClassVar[Variants] = ({},)

    @classmethod
    def unsuited(cls, manifest: Manifest) -> str | None:
        """Equal answers have nothing to average."""
        if manifest.defense.randomized:
            return None
        return "a deterministic defense answers every query of an image alike"

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

    def encoder(self, auxiliary: Records) -> Any:
        """Ask the client several times where its answers differ."""
        randomized = auxiliary.manifest.defense.randomized
        return RepeatedQueries(self.client, self.queries) if randomized else self.client

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (Q, K), the same for every query of an image."""
        evidence = Evidence.of(records)
        return torch.softmax(apply(self.network, evidence.activation), dim=1)[evidence.image_of]


@dataclass(frozen=True)
class RepeatedQueries:
    """A client asked 1, 2, 4, … or up to `most` times about each image, and averaged."""

    client: Any
    most: int

    def augment(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Flip and shift as the client does."""
        augmented: Tensor = self.client.augment(images, generator)
        return augmented

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Map (N, 3, S, S) in [0, 1] to averaged activations (N, C, H, W)."""
        doublings = torch.randint(self.most.bit_length(), (len(images),), generator=generator)
        image_of = torch.arange(len(images)).repeat_interleave(2**doublings)
        return averaged(self.client.ask(images, image_of, generator), image_of)[0]
