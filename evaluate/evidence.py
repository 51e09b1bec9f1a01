"""What an attacker received of each image: one activation, or several of a randomised defense.

Legend: Q records, N images, C H W activation channels, height, width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .records import Records


@dataclass(frozen=True)
class Evidence:
    """The average of what was received of each image, and how often each channel came.

    activation  N C H W float32, averaged over the queries that sent the channel
    sent        N C float32, how many queries sent the channel: gave any number but zero
    image_of    Q int64, which of the N images each record is a query of
    """

    activation: Tensor
    sent: Tensor
    image_of: Tensor

    @classmethod
    def of(cls, records: Records) -> "Evidence":
        """Average the queries of each image; images in the order in which they first appear."""
        image_of = images_of(records)
        received = records.activation.float()
        sent = _summed((received != 0).any(dim=3).any(dim=2).float(), image_of)
        times = sent.clamp(min=1)[:, :, None, None]
        return cls(_summed(received, image_of) / times, sent, image_of)

    def distance(self, expected: Tensor) -> Tensor:
        """Squared distance of noise-free activations (N, C, H, W) over the channels sent: (N,).

        Relative to the received activation's own square: 1 is what zeros achieve. Under additive
        Gaussian noise it is the negative log-likelihood, up to a factor and a constant.
        """
        weights = self.sent[:, :, None, None]
        missed = (weights * (expected - self.activation).square()).sum(dim=(1, 2, 3))
        own = (weights * self.activation.square()).sum(dim=(1, 2, 3))
        return missed / own.clamp(min=1e-12)

    def average(self, values: Tensor) -> Tensor:
        """Average values of the records (Q, …) over the queries of each image: (N, …)."""
        queries = torch.bincount(self.image_of).reshape(-1, *[1] * (values.ndim - 1))
        return _summed(values, self.image_of) / queries


def images_of(records: Records) -> Tensor:
    """Number the images of the records (Q,) in the order in which they first appear."""
    number: dict[str, int] = {}
    return torch.tensor([number.setdefault(name, len(number)) for name in records.image_id])


def _summed(values: Tensor, image_of: Tensor) -> Tensor:
    """Sum records (Q, …) by image: (N, …)."""
    total = values.new_zeros(int(image_of.max()) + 1, *values.shape[1:])
    return total.index_add(0, image_of, values)
