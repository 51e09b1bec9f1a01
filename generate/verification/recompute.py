"""Recompute: stored input x stored weights = stored activation. That equality is the benchmark."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from ...schemas import Release, Secret, UsageError, default_truth
from ...schemas.manifest import Shard
from ...schemas.records import ANSWERED_SPLITS, vectors_to_numpy
from ..client import Client, load_client
from ..datasets import decode
from ..engine import BATCH, to_float16, to_unit_range
from ..noise import RecordNoise
from .contents import Problem

COLUMNS = ("sample_id", "activation", "input")


def recompute(folder: Path, count: int, secret: Path | None = None, seed: int = 0) -> list[Problem]:
    """Recompute `count` records drawn from the answered splits and list those that differ.

    A randomised defense's noise follows from the secret, so such a release can be recomputed by
    its organiser only: `UsageError` where the secret is not at hand.
    """
    release = Release.open(folder)
    client = load_client(folder)
    key = _secret(release, secret) if client.defense.randomized else None
    return [
        problem
        for shard, rows in _drawn(release, count, np.random.default_rng(seed))
        for problem in _differences(release, client, key, shard, rows)
    ]


def _secret(release: Release, secret: Path | None) -> Secret:
    path = secret or default_truth(release.folder) / "secret.key"
    if not path.is_file():
        raise UsageError(
            f"{release.folder}: the defense {release.manifest.defense.name} is randomized, so "
            f"recomputing needs the organiser's secret, but there is no {path}; give --secret FILE"
        )
    key = Secret.read(path)
    if key.commitment() != release.manifest.commitments.secret:
        raise UsageError(f"{path} is not the secret that {release.folder} was made with")
    return key


def _drawn(
    release: Release, count: int, random: np.random.Generator
) -> Iterator[tuple[Shard, NDArray[np.int64]]]:
    """Draw `count` records without replacement and yield them shard by shard."""
    shards = [shard for split in ANSWERED_SPLITS for shard in release.manifest.shards_of(split)]
    edges = np.cumsum([0, *(shard.rows for shard in shards)])
    drawn = np.sort(random.choice(edges[-1], min(count, int(edges[-1])), replace=False))
    for shard, start, end in zip(shards, edges, edges[1:], strict=False):
        rows = drawn[(drawn >= start) & (drawn < end)] - start
        if len(rows):
            yield shard, rows


def _differences(
    release: Release, client: Client, key: Secret | None, shard: Shard, rows: NDArray[np.int64]
) -> Iterator[Problem]:
    table = release.read(shard, COLUMNS).take(rows)
    for start in range(0, table.num_rows, BATCH):
        part = table.slice(start, BATCH).combine_chunks()
        stored = vectors_to_numpy(
            part.column("activation"), release.manifest.client.activation_shape
        )
        error = np.abs(_recomputed(client, key, part, release.manifest.dataset.image_size) - stored)
        allowed = release.manifest.recompute_tolerance * (1 + np.abs(stored.astype(np.float32)))
        wrong = (error > allowed).any(axis=(1, 2, 3))
        for row in np.flatnonzero(wrong).tolist():
            name = part.column("sample_id")[row].as_py()
            yield Problem(
                shard.path,
                f"the activation of {name} differs by {error[row].max():.3g} from what its input "
                "and the weights give",
            )


@torch.no_grad()
def _recomputed(
    client: Client, key: Secret | None, part: pa.Table, size: int
) -> NDArray[np.float32]:
    encoded = [image["bytes"] for image in part.column("input").to_pylist()]
    images = to_unit_range(np.stack([decode(content, size) for content in encoded]))
    names = part.column("sample_id").to_pylist()
    noise = RecordNoise([key.seed("noise", name) for name in names]) if key else None
    recomputed: NDArray[np.float32] = to_float16(client(images, noise)).float().numpy()
    return recomputed
