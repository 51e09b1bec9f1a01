"""Pixel optimisation: regularised maximum likelihood over the pixels (rMLE, He et al. 2019)."""

import torch
from torch import Tensor

from ..optimizing import Candidates, Iterate, Pixels, Schedule
from ..reading.records import Records
from ..scoring.evidence import Evidence
from ._optimizing import BatchImages, LearningRate, Match, OptimizingAttack, Steps, Weight


class PixelOptimization(OptimizingAttack):
    """Search the pixels whose activation is the one received, from a grey image.

    `total_variation` weighs the roughness of the image, `l2` its mean squared distance from where
    the search started, against a distance that is 1 for an activation of zeros. `match`: what is
    compared (see `OptimizingAttack`).
    """

    def __init__(
        self,
        *,
        steps: Steps = 500,
        learning_rate: LearningRate = 0.5,
        total_variation: Weight = 0.1,
        l2: Weight = 0.03,
        batch: BatchImages = 64,
        match: Match = "sent",
        iterate: Iterate = "last",
    ) -> None:
        super().__init__(schedule=Schedule(steps, learning_rate, iterate), batch=batch, match=match)
        self.total_variation = total_variation
        self.l2 = l2

    def start(self, records: Records, evidence: Evidence) -> Tensor:
        """Begin with grey images (N, 3, S, S)."""
        size = records.manifest.dataset.image_size
        return torch.full((len(evidence.sent), 3, size, size), 0.5)

    def candidates(self, records: Records, evidence: Evidence) -> Candidates:
        """Free the pixels of the N images."""
        return Pixels(self.start(records, evidence), self.total_variation, self.l2)
