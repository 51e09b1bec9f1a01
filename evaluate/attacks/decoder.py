"""Decoder: a convolutional network that rebuilds the image from the activation."""

from torch import Tensor, nn

from ...schemas import Track
from ..architectures import ConvDecoder
from ..fitting import apply
from ..records import Records
from ._trained import Epochs, TrainedAttack


class Decoder(TrainedAttack):
    """Rebuild the input by transposed convolutions, trained on auxiliary pairs with the l1 loss.

    With `augment` (the default) the attacker uses the client's weights to encode flipped and
    shifted auxiliary images, with fresh noise; without, only the released pairs are used.
    """

    track = Track.RECONSTRUCTION

    def __init__(self, *, epochs: Epochs = 4, augment: bool = True, seed: int = 0) -> None:
        super().__init__(epochs=epochs, augment=augment, seed=seed)

    def build(self, auxiliary: Records) -> nn.Module:
        """Make the decoder for this activation and image size."""
        manifest = auxiliary.manifest
        return ConvDecoder(manifest.client.activation_shape, manifest.dataset.image_size)

    def predict(self, records: Records) -> Tensor:
        """Return images (N, 3, S, S) in [0, 1]."""
        return apply(self.network, records.activation)
