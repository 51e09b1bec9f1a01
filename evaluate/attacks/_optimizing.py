"""What attacks by optimisation share: the evidence, the client's answer, the batches."""

from abc import abstractmethod
from dataclasses import replace
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...schemas import Setting, Track, UsageError
from ..optimizing import Candidates, Distance, Schedule, optimize
from ..reading.records import Records
from ..scoring.evidence import Evidence, images_of
from . import Attack, Effort

Steps = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
BatchImages = Annotated[int, Field(ge=1)]
Match = Literal["sent", "released"]


class OptimizingAttack(Attack):
    """Search for the images whose activations are those received, with the client's weights.

    With `match="sent"` the client's noise-free activation is compared with what was received on
    the channels that were sent: right for defenses that remove channels, add noise of zero mean,
    or do nothing, and their repeated queries are averaged. With `match="released"` what the client
    would release is compared as a whole: for any deterministic defense; the gradient passes a
    hard mask by its straight-through surrogate.
    """

    track = Track.RECONSTRUCTION
    setting = Setting.WHITEBOX
    repeated_queries = True
    effort = Effort.SEARCH
    suite_images = 64

    def __init__(self, *, schedule: Schedule, batch: int, match: Match) -> None:
        self.schedule = schedule
        self.batch = batch
        self.match = match

    @abstractmethod
    def candidates(self, records: Records, evidence: Evidence) -> Candidates:
        """Make the candidates for the N images of these records, before the search."""

    def distance(self, evidence: Evidence) -> Distance:
        """How badly images explain the evidence."""
        if self.match == "sent":
            return lambda images: evidence.distance(self.client.layers(images))
        whole = replace(evidence, sent=torch.ones_like(evidence.sent))
        return lambda images: whole.distance(self.client(images))

    def predict(self, records: Records) -> Tensor:
        """Return images (N, 3, S, S) in [0, 1]; all queries of an image get the same."""
        if self.match == "released" and records.manifest.defense.randomized:
            raise UsageError(
                f"match=released needs a defense that is deterministic, but "
                f"{records.manifest.defense.name} is randomized; use match=sent"
            )
        image_of, size = images_of(records), records.manifest.dataset.image_size
        rebuilt = torch.empty(len(records), 3, size, size)
        for first in range(0, int(image_of.max()) + 1, self.batch):
            rows = torch.nonzero((image_of >= first) & (image_of < first + self.batch)).flatten()
            rebuilt[rows] = self._rebuilt(records.select(rows))
        return rebuilt

    def _rebuilt(self, records: Records) -> Tensor:
        evidence = Evidence.of(records)
        candidates = self.candidates(records, evidence)
        return optimize(candidates, self.distance(evidence), self.schedule)[evidence.image_of]
