"""Check a release: files, checksums, schema, values, counts, splits, fingerprint, leaks.

Every check yields problems instead of stopping at the first, so that one run names them all.
Where the organiser's truth lies beside the release, the test split is compared with it as well.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ...schemas import (
    LeakboardError,
    Manifest,
    Release,
    default_truth,
    fingerprint,
    public_columns,
)
from ...schemas.files import sha256_of
from ...schemas.manifest import Shard
from ...schemas.recipe import RECIPE_FILE, Recipe, is_recipe
from ...schemas.records import QUERIES, vectors_to_numpy
from ...schemas.shards import content_sha256, foreign_content
from ...schemas.slack import slack
from ...schemas.sums import SUMS_FILE, has_right_sums, has_sealed_manifest
from ..client import CLIENT_FILE, TASK_FILE, build
from ..describe import WEIGHTS
from ..networks.networks import load_weights
from .contents import Contents, Problem
from .recipe import verify_recipe


@dataclass
class _Seen:
    """What the shards read so far hold, to compare splits with one another."""

    sample_ids: dict[str, str] = field(default_factory=dict)
    images: dict[str, str] = field(default_factory=dict)
    subjects: dict[str, str] = field(default_factory=dict)
    last_id: dict[str, str] = field(default_factory=dict)
    records: dict[str, int] = field(default_factory=dict)


def verify(folder: Path, truth: Path | None = None) -> list[Problem]:
    """List everything that is wrong with a release, or a recipe; an empty list means it is sound.

    The answers are looked for in `truth`, by default `<release>-truth`, and compared where found.
    Nothing but the files is checked where the manifest is not what it was when it was written.
    Raises `MissingData`, `CorruptData` or `SchemaMismatch` where even the manifest cannot be read.
    """
    release = Release.open(folder)
    recipe = Recipe.read(folder) if is_recipe(folder) else None
    problems = [*_sums(release), *_files(release, recipe)]
    if any(problem.file == "manifest.json" for problem in problems):
        return problems
    damaged = {problem.file for problem in problems}
    if recipe:
        problems += verify_recipe(folder, recipe, release.manifest, damaged)
    else:
        problems += _shards(release, damaged, truth or default_truth(folder))
    if not damaged.intersection(WEIGHTS):
        problems += _weights(release)
        problems += _fingerprint(release)
    return problems


def _sums(release: Release) -> Iterator[Problem]:
    """The list of hashes is the manifest's, and the manifest is the one that it lists."""
    if not (release.folder / SUMS_FILE).is_file():
        yield Problem(SUMS_FILE, "is missing; pull or generate the release again")
    elif not has_sealed_manifest(release.folder):
        said = f"does not have the SHA-256 that {SUMS_FILE} says; one of the two was changed"
        yield Problem("manifest.json", said)
    elif not has_right_sums(release.folder, release.manifest):
        yield Problem(SUMS_FILE, "does not list the hashes that the manifest lists")


def _files(release: Release, recipe: Recipe | None) -> Iterator[Problem]:
    """Each promised file is there with its size and hash, and no other file is."""
    manifest = release.manifest
    listed = (*manifest.files, *recipe.files) if recipe else manifest.listed
    promised = {file.path: file for file in listed}
    own = {"manifest.json", SUMS_FILE, *([RECIPE_FILE] if recipe else [])}
    missing: dict[str, str] = {}
    for path, facts in promised.items():
        file = release.folder / path
        if not file.is_file():
            missing[facts.sha256] = path
            yield Problem(path, "is missing; pull or generate the release again")
        elif file.stat().st_size != facts.bytes:
            yield Problem(path, f"has {file.stat().st_size} bytes, the manifest says {facts.bytes}")
        elif (digest := sha256_of(file)) != facts.sha256:
            yield Problem(path, f"has SHA-256 {digest[:12]}…, the manifest {facts.sha256[:12]}…")
    for file in sorted(release.folder.rglob("*")):
        path = file.relative_to(release.folder).as_posix()
        if not file.is_dir() and path not in {*promised, *own}:
            yield Problem(path, "is not in the manifest; remove it")
            if missing and (name := missing.get(sha256_of(file))):
                yield Problem("manifest.json", f"calls {name} what lies here as {path}")


def _shards(release: Release, damaged: set[str], truth: Path) -> Iterator[Problem]:
    seen, contents = _Seen(), Contents(release.manifest)
    for shard in release.manifest.shards:
        if shard.path in damaged:
            continue
        try:
            table = release.read(shard, public_columns(shard.split))
        except LeakboardError as error:
            yield Problem(shard.path, str(error))
            continue
        path, schema = release.folder / shard.path, release.manifest.records
        for name in foreign_content(path, schema, public_columns(shard.split)):
            yield Problem(shard.path, f"holds {name}, which does not belong into a public shard")
        for problem in (*slack(path), *_shard(shard, table, release.manifest, seen)):
            yield Problem(shard.path, problem)
        contents.add(shard.split, table)
    if not damaged:
        yield from _counts(release.manifest, seen)
        contents.add_truth(release, truth)
        yield from contents.problems()


def _shard(shard: Shard, table: pa.Table, manifest: Manifest, seen: _Seen) -> Iterator[str]:
    if content_sha256(table) != shard.content_sha256:
        yield "holds other records than the manifest says"
    for name in table.column_names:
        if table.column(name).null_count:
            yield f"holds nulls in the column {name!r}"
    activation = vectors_to_numpy(table.column("activation"), manifest.client.activation_shape)
    logits = vectors_to_numpy(table.column("task_logits"), (len(manifest.task.classes),))
    for name, values in (("activations", activation), ("task logits", logits)):
        if not np.isfinite(values).all():
            yield f"holds {name} that are not finite"
    yield from _queries(table, manifest.defense.randomized)
    yield from _labels(table, manifest)
    yield from _order_and_ids(shard.split, table, seen)


def _queries(table: pa.Table, randomized: bool) -> Iterator[str]:
    numbers: NDArray[np.int64] = table.column("query").to_numpy()
    most = QUERIES - 1 if randomized else 0
    if numbers.min() < 0 or numbers.max() > most:
        yield f"holds queries outside 0..{most}"


def _labels(table: pa.Table, manifest: Manifest) -> Iterator[str]:
    for name, attribute in (("task", manifest.task), ("sensitive", manifest.sensitive)):
        if name in table.column_names:
            labels: NDArray[np.int64] = table.column(name).to_numpy()
            if labels.min() < 0 or labels.max() >= len(attribute.classes):
                yield f"holds {name} labels outside 0..{len(attribute.classes) - 1}"


def _order_and_ids(split: str, table: pa.Table, seen: _Seen) -> Iterator[str]:
    ids = table.column("sample_id").to_pylist()
    ordered = [seen.last_id.get(split, ""), *ids]
    if any(a >= b for a, b in pairwise(ordered)):
        yield "is not in the order of its ids: the order could say something about the images"
    seen.last_id[split] = ids[-1]
    seen.records[split] = seen.records.get(split, 0) + len(ids)
    columns = [("sample_id", seen.sample_ids, False), ("image_id", seen.images, True)]
    if "subject" in table.column_names:
        columns.append(("subject", seen.subjects, True))
    for name, owners, repeats in columns:
        for value in table.column(name).to_pylist():
            owner = owners.setdefault(value, split)
            if owner != split:
                yield f"shares the {name} {value} with the split {owner!r}"
        if not repeats and len(set(ids)) < len(ids):
            yield f"holds a {name} twice"


def _counts(manifest: Manifest, seen: _Seen) -> Iterator[Problem]:
    for split, facts in manifest.splits.items():
        found = seen.records.get(split, 0)
        if found != facts.records:
            yield Problem("manifest.json", f"{split}: says {facts.records} records, holds {found}")


def _weights(release: Release) -> Iterator[Problem]:
    try:
        client, task_network = build(release.manifest)
    except LeakboardError as problem:
        yield Problem("manifest.json", f"the networks it describes cannot be made: {problem}")
        return
    for path, network in ((CLIENT_FILE, client), (TASK_FILE, task_network)):
        try:
            load_weights(network, release.folder / path)
        except LeakboardError as problem:
            yield Problem(path, str(problem))


def _fingerprint(release: Release) -> Iterator[Problem]:
    manifest = release.manifest
    weights = {file.path: file.sha256 for file in manifest.files if file.path in WEIGHTS}
    if fingerprint(manifest.shards, weights) != manifest.fingerprint:
        yield Problem("manifest.json", "the fingerprint is not that of the records and weights")
