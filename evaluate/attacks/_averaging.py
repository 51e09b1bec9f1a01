"""What attacks on the average of repeated queries share: how they are asked, and trained for it.

Legend: Q records (queries), N images, C H W activation channels, height, width.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from ...schemas import Manifest
from ..reading.records import Records
from ..scoring.evidence import averaged
from . import Variants
from ._trained import TrainedAttack


class AveragingAttack(TrainedAttack):
    """Undoes a randomised defense by asking about the same image several times.

    It is trained on the average of 1, 2, 4, … up to `queries` simulated queries of each auxiliary
    image, encoded through the client's weights: some images are asked about once, others often.
    """

    repeated_queries: ClassVar[bool] = True
    variants: ClassVar[Variants] = ({},)
    queries: int

    @classmethod
    def unsuited(cls, manifest: Manifest) -> str | None:
        """Equal answers have nothing to average."""
        if manifest.defense.randomized:
            return None
        return "a deterministic defense answers every query of an image alike"

    def encoder(self, auxiliary: Records) -> Any:
        """Ask the client several times where its answers differ."""
        randomized = auxiliary.manifest.defense.randomized
        return RepeatedQueries(self.client, self.queries) if randomized else self.client


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
