"""What an attacker received of each image: one activation, or several of a randomised defense.

Legend: Q records, N images, C H W activation channels, height, width.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ..reading.records import Records


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
        return cls(*averaged(records.activation.float(), image_of), image_of)

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


def averaged(received: Tensor, image_of: Tensor) -> tuple[Tensor, Tensor]:
    """Average activations (Q, C, H, W) by image, and count the queries that sent each channel.

    A channel is averaged over the queries that sent it: a zero put there by random pruning says
    nothing about the image. Returns (N, C, H, W) and (N, C).

    >>> queries = torch.tensor([[4.0, 0.0], [2.0, 6.0]])[:, :, None, None]
    >>> averaged(queries, torch.tensor([0, 0]))[0].flatten()
    tensor([3., 6.])
    """
    sent = _summed((received != 0).any(dim=3).any(dim=2).float(), image_of)
    return _summed(received, image_of) / sent.clamp(min=1)[:, :, None, None], sent


def images_of(records: Records) -> Tensor:
    """Number the images of the records (Q,) in the order in which they first appear."""
    number: dict[str, int] = {}
    return torch.tensor([number.setdefault(name, len(number)) for name in records.image_id])


def _summed(values: Tensor, image_of: Tensor) -> Tensor:
    """Sum records (Q, …) by image: (N, …)."""
    total = values.new_zeros(int(image_of.max()) + 1, *values.shape[1:])
    return total.index_add(0, image_of, values)
