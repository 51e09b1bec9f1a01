"""Rebuild a release from its recipe and the user's own copy of the source images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...schemas import ChecksumMismatch, LeakboardError, Manifest, OutputExists
from ...schemas.files import HALF_WRITTEN, write_bytes
from ...schemas.manifest import Shard
from ...schemas.recipe import RECIPE_FILE, Recipe, read_tables, sketches_in
from ...schemas.records import PUBLIC_SPLITS, vectors_to_numpy
from ...schemas.shards import read_shard
from .. import datasets
from ..client import load_client
from ..datasets import Dataset
from ..describe import seal
from ..engine import Engine
from ..places import refuse_existing
from ..plan import PlannedRecord
from ..verification.verify import verify
from ..writer import Slice, Writer
from .images import ImageFinder
from .recipe import copy_unsharded
from .sketch import allowed, sketched


@dataclass(frozen=True)
class Materialized:
    """A release that was rebuilt, and how many of its shards have the bytes that were promised."""

    folder: Path
    shards: int
    identical: int


def materialize(folder: Path, out: Path, source: str | None) -> Materialized:
    """Rebuild the release of the recipe in `folder` to `out`; `source` is where the images are.

    On a machine that rounds as the one it was made on every file is the release's, byte for byte.
    On another, shards are accepted within the manifest's tolerance, and the manifest says so; the
    fingerprint stays. A run that was stopped goes on.

    Raises `MissingData` where the source lacks an image, `ChecksumMismatch` where an image, a label
    or an activation is another, `OutputExists`, and `LeakboardError` for an unsound recipe.
    """
    Recipe.read(folder)
    manifest, partial = Manifest.read(folder), _claimed(out, folder)
    _refuse_unsound(folder)
    table, tables = manifest.config.dataset, read_tables(folder)
    dataset = datasets.create(table.name, source, table.size, table.options)
    engine = _engine(folder, manifest, dataset)
    finder = ImageFinder(engine, manifest, tables, source)
    rows = finder.answered()
    rows["test"] = finder.test(rows)
    writer = Writer(engine, {manifest.format: partial}, None)
    written = writer.write(list(_slices(manifest, tables, rows)))
    made = [one.shards[manifest.format] for one in written]
    shards = _accepted(partial, manifest, tables, made)
    copy_unsharded(folder, partial)
    seal(partial, manifest.model_copy(update={"shards": shards}))
    _publish(partial, out)
    same = sum(one == other for one, other in zip(shards, manifest.shards, strict=True))
    return Materialized(out, len(shards), same)


def _claimed(out: Path, folder: Path) -> Path:
    """The tree that is being built: new, or left by a stopped run of the same recipe."""
    refuse_existing(out)
    partial = out.with_name(f"{out.name}.partial")
    note, recipe = partial / RECIPE_FILE, (folder / RECIPE_FILE).read_bytes()
    if partial.exists() and (not note.exists() or note.read_bytes() != recipe):
        raise OutputExists(
            f"{partial} holds another unfinished release; finish that one, or remove the folder"
        )
    if not note.exists():
        write_bytes(note, recipe)
    return partial


def _refuse_unsound(folder: Path) -> None:
    for problem in verify(folder):
        raise LeakboardError(
            f"{folder} is not sound: {problem.file}: {problem.problem}; pull the recipe again"
        )


def _engine(folder: Path, manifest: Manifest, dataset: Dataset) -> Engine:
    client = load_client(folder)
    task, sensitive = manifest.task.name, manifest.sensitive.name
    return Engine(dataset, task, sensitive, client, client.task_network, manifest.records)


def _slices(
    manifest: Manifest, tables: Mapping[str, pa.Table], rows: Mapping[str, Sequence[int]]
) -> Iterator[Slice]:
    """What each shard of the release holds; the noise seeds are of no defense that uses them."""
    for split in PUBLIC_SPLITS:
        shards, table = manifest.shards_of(split), tables[split]
        columns = [table.column(name).to_pylist() for name in ("sample_id", "image_id")]
        people = table.column("subject").to_pylist() if "subject" in table.column_names else None
        records = [
            PlannedRecord(sample_id, image_id, 0, subject, row, noise_seed=0)
            for sample_id, image_id, subject, row in zip(
                *columns, people or [""] * len(table), rows[split], strict=True
            )
        ]
        ends = list(accumulate(shard.rows for shard in shards))
        for number, (shard, end) in enumerate(zip(shards, ends, strict=True)):
            yield Slice(split, number, len(shards), records[end - shard.rows : end])


def _accepted(
    tree: Path, manifest: Manifest, tables: Mapping[str, pa.Table], made: Sequence[Shard]
) -> tuple[Shard, ...]:
    """The shards as they were made; one with other records must be near those of the release."""
    found, accepted = {shard.path: shard for shard in made}, []
    for promised in manifest.shards:
        shard = found[promised.path]
        if shard.content_sha256 != promised.content_sha256:
            _refuse_far(tree, manifest, tables[shard.split], shard)
            shard = shard.model_copy(update={"promised": promised.content_sha256})
        accepted.append(shard)
    return tuple(accepted)


def _refuse_far(tree: Path, manifest: Manifest, table: pa.Table, shard: Shard) -> None:
    """`ChecksumMismatch` where an activation is further from its sketch than rounding explains."""
    stored = read_shard(tree / shard.path, manifest.records, ("sample_id", "activation"))
    names = stored.column("sample_id").to_pylist()
    start = table.column("sample_id").index(names[0]).as_py()
    shape = manifest.client.activation_shape
    activation = vectors_to_numpy(stored.column("activation"), shape)
    off = np.abs(sketched(activation) - sketches_in(table.slice(start, len(names)))).max(axis=1)
    far = np.flatnonzero(off > allowed(activation, manifest.recompute_tolerance))
    if len(far):
        raise ChecksumMismatch(
            f"{tree / shard.path}: {len(far)} of {len(names)} activations are not those of the "
            f"release, the first being that of {names[far[0]]} (off by {off[far[0]]:.3g}); another "
            "version of torch or of the image decoder may be the reason: the manifest lists those "
            f"it was made with, under `versions`; {tree} may be removed"
        )


def _publish(partial: Path, out: Path) -> None:
    """Give the finished tree its name, once what stopped runs left is gone."""
    for left in (partial / RECIPE_FILE, *partial.rglob(HALF_WRITTEN)):
        left.unlink()
    if out.exists():
        out.rmdir()
    partial.rename(out)
