"""Query averaging: undoes a randomised defense by asking about the same image several times.

Legend: Q records (queries), N images, C H W activation channels, height, width; K classes.
"""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from ..fitting import Precision, apply
from ..records import Records
from ._trained import Epochs
from .attribute_classifier import AttributeClassifier


class QueryAveraging(AttributeClassifier):
    """Predict the sensitive attribute from the average of all queries of an image.

    It is trained on the average of 1, 2, 4, … up to `queries` simulated queries of each auxiliary
    image, encoded through the client's weights: some images are asked about once, others often.
    """

    repeated_queries: ClassVar[bool] = True

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
        number = {image: row for row, image in enumerate(dict.fromkeys(records.image_id))}
        owner = torch.tensor([number[image] for image in records.image_id])
        averaged = average(records.activation.float(), owner, len(number))
        return torch.softmax(apply(self.network, averaged), dim=1)[owner]


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
        owner = torch.arange(len(images)).repeat_interleave(2**doublings)
        return average(self.client(images[owner], generator), owner, len(images))


def average(activation: Tensor, owner: Tensor, images: int) -> Tensor:
    """Average queries (Q, C, H, W) by the image (Q,) that owns each, to (N, C, H, W).

    A channel is averaged over the queries that let it through: a zero put there by random pruning
    says nothing about the image.

    >>> queries = torch.tensor([[4.0, 0.0], [2.0, 6.0]])[:, :, None, None]
    >>> average(queries, torch.tensor([0, 0]), 1).flatten()
    tensor([3., 6.])
    """
    seen = (activation != 0).flatten(2).any(dim=2).float()
    total = activation.new_zeros(images, *activation.shape[1:]).index_add_(0, owner, activation)
    times = seen.new_zeros(images, seen.shape[1]).index_add_(0, owner, seen)
    return total / times.clamp(min=1)[:, :, None, None]
