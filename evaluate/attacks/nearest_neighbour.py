"""Nearest neighbours: answer with what the closest auxiliary activations belong to."""

from typing import Annotated, ClassVar

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ...schemas import Track, UsageError
from ..reading.records import Records
from . import Attack, Variants

CHUNK = 512


class NearestNeighbour(Attack):
    """Average the labels, or the images, of the auxiliary records nearest in activation (l2)."""

    variants: ClassVar[Variants] = ({}, {"neighbours": 10})

    def __init__(
        self,
        *,
        track: Track = Track.ATTRIBUTE,
        neighbours: Annotated[int, Field(ge=1)] = 1,
    ) -> None:
        self.track = track
        self.neighbours = neighbours

    def fit(self, auxiliary: Records) -> None:
        """Keep the auxiliary activations and their answers."""
        if self.neighbours > len(auxiliary):
            raise UsageError(
                f"{self.neighbours} neighbours were asked for, but the attacker holds "
                f"{len(auxiliary)} auxiliary records; ask for fewer"
            )
        self.activation = auxiliary.activation.flatten(1).float()
        self.answers = auxiliary.known("sensitive" if self.track is Track.ATTRIBUTE else "inputs")
        self.classes = len(auxiliary.manifest.sensitive.classes)

    def predict(self, records: Records) -> Tensor:
        """Return the share of neighbours in each class (N, K), or their mean image (N, 3, S, S)."""
        return torch.cat(
            [
                self._answers(self._nearest(chunk.float())).mean(dim=1)
                for chunk in records.activation.flatten(1).split(CHUNK)
            ]
        )

    def _nearest(self, activation: Tensor) -> Tensor:
        # |a - b|^2 = |a|^2 - 2 a.b + |b|^2, of which |a|^2 does not change the order
        squares = self.activation.square().sum(dim=1)
        distances = squares - 2 * activation @ self.activation.T
        return distances.topk(self.neighbours, largest=False).indices

    def _answers(self, rows: Tensor) -> Tensor:
        if self.track is Track.ATTRIBUTE:
            return functional.one_hot(self.answers[rows], self.classes).float()
        return self.answers[rows].float() / 255
