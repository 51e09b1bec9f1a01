"""Decoder: a convolutional network that rebuilds the image from the activation."""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...schemas import Setting, Track
from ..architectures import ConvDecoder
from ..fitting import Budget, Example, apply, fit, seeded
from ..records import Records
from . import Attack


class Decoder(Attack):
    """Rebuild the input by transposed convolutions, trained on auxiliary pairs with the l1 loss.

    With `augment` (the default) the attacker uses the client's weights to encode flipped and
    shifted auxiliary images, with fresh noise; without, only the released pairs are used.
    """

    track = Track.RECONSTRUCTION

    def __init__(
        self,
        *,
        epochs: Annotated[int, Field(ge=1)] = 4,
        augment: bool = True,
        seed: int = 0,
    ) -> None:
        self.budget = Budget(epochs)
        self.seed = seed
        self.setting = Setting.AUXILIARY_WHITEBOX if augment else Setting.AUXILIARY

    def fit(self, auxiliary: Records) -> None:
        """Minimise the l1 distance to the auxiliary images."""
        manifest = auxiliary.manifest
        with seeded(self.seed):
            self.network = ConvDecoder(
                manifest.client.activation_shape, manifest.dataset.image_size
            )

        def loss(batch: Example) -> Tensor:
            return functional.l1_loss(self.network(batch.activation), batch.images)

        fit(self.network, loss, auxiliary, self.client, self.budget, self.seed)

    def predict(self, records: Records) -> Tensor:
        """Return images (N, 3, S, S) in [0, 1]."""
        return apply(self.network, records.activation)
