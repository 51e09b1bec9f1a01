"""Likelihood maximisation: a deep image prior fitted to what was received (Singh et al. 2021)."""

import hashlib

import torch

from ..image_priors import ImagePriors
from ..optimizing import Candidates, Iterate, Schedule
from ..reading.records import Records
from ..scoring.evidence import Evidence
from ._optimizing import BatchImages, LearningRate, Match, OptimizingAttack, Steps


class LikelihoodMaximization(OptimizingAttack):
    """Fit an untrained generator per image until its image gives the activation received.

    `batch` images are rebuilt side by side. Each image's random numbers follow from `seed` and its
    image_id, whatever its batch. `match`: what is compared (see `OptimizingAttack`); `iterate`:
    the last one, or the one of lowest loss; the private image is never looked at.
    """

    suite_images = 16

    def __init__(
        self,
        *,
        steps: Steps = 1000,
        learning_rate: LearningRate = 0.02,
        batch: BatchImages = 16,
        match: Match = "sent",
        iterate: Iterate = "last",
        seed: int = 0,
    ) -> None:
        super().__init__(schedule=Schedule(steps, learning_rate, iterate), batch=batch, match=match)
        self.seed = seed

    def candidates(self, records: Records, evidence: Evidence) -> Candidates:
        """Make one untrained generator per image."""
        draws = [_generator(self.seed, name) for name in dict.fromkeys(records.image_id)]
        return ImagePriors(draws, records.manifest.dataset.image_size)


def _generator(seed: int, image_id: str) -> torch.Generator:
    digest = hashlib.sha256(f"{seed} {image_id}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
