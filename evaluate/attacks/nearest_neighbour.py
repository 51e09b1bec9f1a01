"""Nearest neighbour: answer with what the closest auxiliary activation belongs to."""

import torch
from torch import Tensor
from torch.nn import functional

from ...schemas import Track
from ..records import Records
from . import Attack

CHUNK = 512


class NearestNeighbour(Attack):
    """Copy the label, or the image, of the auxiliary record with the nearest activation (l2)."""

    def __init__(self, *, track: Track = Track.ATTRIBUTE) -> None:
        self.track = track

    def fit(self, auxiliary: Records) -> None:
        """Keep the auxiliary activations and their answers."""
        self.activation = auxiliary.activation.flatten(1).float()
        self.answers = auxiliary.known("sensitive" if self.track is Track.ATTRIBUTE else "inputs")
        self.classes = len(auxiliary.manifest.sensitive.classes)

    def predict(self, records: Records) -> Tensor:
        """Return one-hot probabilities (N, K) or the neighbour's image (N, 3, S, S)."""
        found = self.answers[self._nearest(records.activation.flatten(1))]
        if self.track is Track.ATTRIBUTE:
            return functional.one_hot(found, self.classes).float()
        return found.float() / 255

    def _nearest(self, activation: Tensor) -> Tensor:
        # |a - b|^2 = |a|^2 - 2 a.b + |b|^2, of which |a|^2 does not change the order
        squares = self.activation.square().sum(dim=1)
        return torch.cat(
            [
                (squares - 2 * chunk.float() @ self.activation.T).argmin(dim=1)
                for chunk in activation.split(CHUNK)
            ]
        )
