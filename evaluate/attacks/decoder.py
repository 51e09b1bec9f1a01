"""Decoder: a convolutional network that rebuilds the image from the activation."""

from typing import ClassVar, Literal

from torch import Tensor, nn
from torch.nn import functional

from ...schemas import Track, UsageError
from .. import zoo
from ..architectures import ConvDecoder, PatchWhitening
from ..fitting import Example, apply
from ..metrics.ssim import WINDOW
from ..reading.records import Records
from ..similarity import structural_similarity
from . import Variants
from ._trained import Epochs, TrainedAttack

Capacity = Literal["small", "medium", "large"]
WIDTHS: dict[Capacity, int] = {"small": 64, "medium": 128, "large": 256}
SIMILARITY_WEIGHT = 0.2  # the two terms are then of one size when training ends


class Decoder(TrainedAttack):
    """Rebuild the input from whitened patches by transposed convolutions, trained on pairs.

    `loss` is the l1 distance, alone or with the structural dissimilarity 1 - SSIM. With `augment`
    (the default) the attacker uses the client's weights to encode flipped and shifted auxiliary
    images, with fresh noise; without, only the released pairs are used.
    """

    variants: ClassVar[Variants] = ({}, {"capacity": "large"})

    track = Track.RECONSTRUCTION

    def __init__(
        self,
        *,
        capacity: Capacity = "medium",
        loss: Literal["l1", "l1_ssim"] = "l1_ssim",
        epochs: Epochs = 4,
        augment: bool = True,
        seed: int = 0,
    ) -> None:
        super().__init__(epochs=epochs, augment=augment, seed=seed)
        self.width = WIDTHS[capacity]
        self.similarity_weight = SIMILARITY_WEIGHT if loss == "l1_ssim" else 0.0

    def build(self, auxiliary: Records) -> nn.Module:
        """Make the decoder for this activation and image size."""
        manifest = auxiliary.manifest
        if self.similarity_weight and manifest.dataset.image_size < len(WINDOW):
            raise UsageError(
                f"loss=l1_ssim needs images of at least {len(WINDOW)} pixels a side, but these "
                f"have {manifest.dataset.image_size}; use loss=l1"
            )
        whitening = PatchWhitening(auxiliary.activation)
        side, size = manifest.client.activation_shape[1], manifest.dataset.image_size
        decoder = ConvDecoder((whitening.kept, side, side), size, self.width)
        return nn.Sequential(whitening, decoder)

    @property
    def architecture(self) -> zoo.Architecture:
        """That of the trained network."""
        whitening = zoo.Whitening.of(self.network.get_submodule("0"))
        return zoo.Decoder(whitening=whitening, width=self.width)

    def loss(self, network: nn.Module, batch: Example) -> Tensor:
        """The l1 distance, with the weighed dissimilarity where it was asked for."""
        images = network(batch.activation)
        distance = functional.l1_loss(images, batch.images)
        if not self.similarity_weight:
            return distance
        similarity = structural_similarity(images, batch.images)
        return distance + self.similarity_weight * (1 - similarity)

    def predict(self, records: Records) -> Tensor:
        """Return images (N, 3, S, S) in [0, 1]."""
        return apply(self.network, records.activation)
