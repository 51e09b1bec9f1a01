"""Run an attack on a release and make its prediction file."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import Tensor

from ..generate import load_client
from ..schemas import PredictionHeader, Predictions, Release, Setting, Track, UsageError
from ..schemas.files import replacing
from ..schemas.records import PublicSplit
from .attacks import REGISTRY, Attack
from .attacks._trained import TrainedAttack
from .reading.records import Records, read_records, read_truth
from .zoo import name_of


@dataclass(frozen=True)
class FittedAttack:
    """An attack that has seen the auxiliary records of a release and can be asked about others."""

    release: Release
    attack: Attack
    name: str
    options: Mapping[str, Any]
    auxiliary_records: int

    def predict(
        self, split: PublicSplit, truth: Path | None = None, images: int | None = None
    ) -> Predictions:
        """Predict the images of `split`, all or the first `images`, without seeing an answer.

        A ceiling does see the inputs, and takes those of `test` from `truth`.
        """
        records = self._questions(split, truth)
        if images is not None:
            records = records.of_first_images(images)
        predicted = self.attack.predict(records)
        first = records.query == 0
        return Predictions(
            header=self._header(split, images),
            sample_ids=records.first_queries().sample_id,
            values=_to_file(predicted[first], self.attack.track),
        )

    def save_model(self, path: Path) -> None:
        """Write the trained network as a model that `leakboard run-model` runs.

        `UsageError` for an attack without a network of the zoo.
        """
        if not isinstance(self.attack, TrainedAttack):
            raise UsageError(
                f"{self.name} trains no network, so there is no model to save; submit its "
                "predictions"
            )
        architecture = self.attack.architecture
        weights = {k: v.contiguous() for k, v in self.attack.network.state_dict().items()}
        options = architecture.model_dump_json()
        metadata = {"architecture": name_of(architecture), "options": options}
        with replacing(path) as temporary:
            save_file(weights, temporary, metadata)

    def _questions(self, split: PublicSplit, truth: Path | None) -> Records:
        if self.attack.ceiling:
            return read_truth(self.release, split, truth)
        records = read_records(self.release, split).without_answers()
        return records if self.attack.repeated_queries else records.first_queries()

    def _header(self, split: PublicSplit, images: int | None) -> PredictionHeader:
        return PredictionHeader(
            fingerprint=self.release.manifest.fingerprint,
            split=split,
            asked=images,
            track=self.attack.track,
            attack=self.name,
            options=dict(self.options),
            setting=self.attack.setting,
            ceiling=self.attack.ceiling,
            repeated_queries=self.attack.repeated_queries,
            auxiliary_records=self.auxiliary_records,
            leakboard_version=version("leakboard"),
        )


def fit_attack(
    release: Release, name: str, options: Mapping[str, Any], budget: int | None = None
) -> FittedAttack:
    """Train the attack `name` from scratch on the auxiliary records of a release.

    `budget` is how many of them the attacker holds: the first, whose order the secret decided.
    `UsageError` where there are not that many.
    """
    attack: Attack = REGISTRY.create(name, options)
    if attack.setting is not Setting.AUXILIARY:
        attack.client = load_client(release.folder)
    if attack.setting is Setting.WHITEBOX:
        return FittedAttack(release, attack, name, options, auxiliary_records=0)
    auxiliary = _first(read_records(release, "auxiliary"), budget)
    attack.fit(auxiliary)
    return FittedAttack(release, attack, name, options, len(auxiliary))


def _first(auxiliary: Records, budget: int | None) -> Records:
    if budget is None:
        return auxiliary
    if budget > len(auxiliary):
        raise UsageError(
            f"the attacker was to hold {budget} auxiliary records, but the release has "
            f"{len(auxiliary)}; ask for fewer, or leave the budget out to use them all"
        )
    return auxiliary.select(torch.arange(budget))


def _to_file(predicted: Tensor, track: Track) -> NDArray[Any]:
    return predicted.float().numpy() if track is Track.ATTRIBUTE else to_uint8(predicted)


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Round images (N, 3, S, S) in [0, 1] to (N, S, S, 3) uint8."""
    rounded: NDArray[np.uint8] = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return rounded
