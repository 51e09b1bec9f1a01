"""The recipe of the tiny releases that tests share: synthetic faces, seconds to train."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from leakboard.schemas import Config, Manifest, Release
from leakboard.schemas.config import TrainingTable
from leakboard.schemas.files import sha256_of
from leakboard.schemas.sums import SUMS_FILE, sums

RECIPE: Mapping[str, Any] = {
    "name": "tiny",
    "scale": "smoke",
    "dataset": {
        "name": "synthetic",
        "task": "smiling",
        "sensitive": "gender",
        "size": 32,
        "images": 240,
        "identities": 60,
    },
    "training": {"warmup_epochs": 1, "epochs": 1, "batch_size": 64},
}
DEFENSES: Mapping[str, Mapping[str, float]] = {
    "none": {},
    "disco": {"ratio": 0.6},
    "gaussian_noise": {"sigma": 0.5},
    "noise_only": {},
    "random_pruning": {"ratio": 0.6},
}
SHARD_BYTES = 2 * 2**20  # several shards per split
MakeRelease = Callable[[str], Release]


def tiny_config(defense: str, seed: int = 0) -> Config:
    """The tiny recipe with a defense and a seed."""
    table = {"name": defense, **DEFENSES[defense]}
    return Config.parse({**RECIPE, "defense": table, "seed": seed}, "tiny config")


def untrained_config(
    defense: str, seed: int = 0, *, images: int = 120, identities: int = 60
) -> Config:
    """The tiny recipe without its training: for facts that hold whatever the networks learned."""
    config = tiny_config(defense, seed)
    options = {"images": images, "identities": identities}
    return config.model_copy(
        update={
            "dataset": config.dataset.model_copy(update={"options": options}),
            "training": TrainingTable(warmup_epochs=0, epochs=0),
        }
    )


def rewrite_manifest(folder: Path, content: Mapping[str, Any]) -> None:
    """Replace the manifest of a release, and its hash too: what who made it could have written."""
    path = folder / "manifest.json"
    path.write_text(json.dumps(content))
    (folder / SUMS_FILE).write_text(sums(Manifest.read(folder), sha256_of(path)))
