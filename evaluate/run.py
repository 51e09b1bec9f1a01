"""Run an attack on a release and make its prediction file."""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ..generate import load_client
from ..schemas import PredictionHeader, Predictions, Release, Setting, Track
from ..schemas.records import PublicSplit
from .attacks import REGISTRY, Attack
from .records import Records, read_records, read_truth


def run_attack(
    release: Release,
    name: str,
    options: Mapping[str, Any],
    split: PublicSplit = "validation",
    truth: Path | None = None,
) -> Predictions:
    """Fit the attack `name` on auxiliary records and predict every image of `split`.

    An attack sees no answer of that split; a ceiling does, and takes those of `test` from `truth`.
    """
    attack: Attack = REGISTRY.create(name, options)
    auxiliary = read_records(release, "auxiliary")
    if attack.setting is not Setting.AUXILIARY:
        attack.client = load_client(release.folder)
    attack.fit(auxiliary)
    records = _questions(attack, release, split, truth)
    predicted = attack.predict(records)
    first = records.query == 0
    return Predictions(
        header=PredictionHeader(
            fingerprint=release.manifest.fingerprint,
            split=split,
            track=attack.track,
            attack=name,
            options=dict(options),
            setting=attack.setting,
            ceiling=attack.ceiling,
            auxiliary_records=len(auxiliary),
            leakboard_version=version("leakboard"),
        ),
        sample_ids=records.select(first.nonzero().flatten()).sample_id,
        values=_to_file(predicted[first], attack.track),
    )


def _questions(attack: Attack, release: Release, split: PublicSplit, truth: Path | None) -> Records:
    if attack.ceiling:
        return read_truth(release, split, truth)
    records = read_records(release, split).without_answers()
    return records if attack.repeated_queries else records.first_queries()


def _to_file(predicted: Tensor, track: Track) -> NDArray[Any]:
    if track is Track.ATTRIBUTE:
        return predicted.float().numpy()
    return to_uint8(predicted)


def to_uint8(images: Tensor) -> NDArray[np.uint8]:
    """Round images (N, 3, S, S) in [0, 1] to (N, S, S, 3) uint8."""
    rounded: NDArray[np.uint8] = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return rounded
