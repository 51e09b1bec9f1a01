"""Write the recipe of a release that may not be passed on: all of it but the records.

What the recipe says of `test` is computed from the public shards alone, so that it cannot tell
more than these would: no source, no label, no subject.
"""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ...schemas import Manifest, OutputExists, Release
from ...schemas.files import replacing, write_text
from ...schemas.manifest import FileFacts
from ...schemas.recipe import (
    RECIPE_FILE,
    Recipe,
    is_recipe,
    table_path,
    table_schema,
)
from ...schemas.records import PUBLIC_SPLITS, vectors_to_arrow, vectors_to_numpy
from ...schemas.shards import PARQUET, ROW_GROUP
from ...schemas.sums import SUMS_FILE
from ..datasets import Dataset
from ..describe import UNSHARDED, Planned
from ..plan import PlannedRecord
from .sketch import sketched

COPIED = (*UNSHARDED, SUMS_FILE, "manifest.json")  # of the release, byte for byte


def recipe_home(release: Path) -> Path:
    """Where `generate` puts the recipe of a release.

    >>> str(recipe_home(Path("out/celeba-none")))
    'out/celeba-none-recipe'
    """
    return release.with_name(f"{release.name}-recipe")


def has_recipe(manifest: Manifest) -> bool:
    """Whether a release is published as a recipe: its records may not be passed on.

    A randomised defense cannot be: its noise follows from the secret, and to tell it undoes it.
    """
    return not manifest.dataset.licence.redistributable and not manifest.defense.randomized


def write_recipe(tree: Path, home: Path, records: Planned, dataset: Dataset) -> None:
    """Write the recipe of the finished release in `tree` to `home`, which is there at the end.

    A recipe that is there already stays; `OutputExists` where it is another release's.
    """
    release = Release.open(tree)
    if home.exists():
        if not is_recipe(home) or Recipe.read(home).fingerprint != release.manifest.fingerprint:
            raise OutputExists(f"{home} holds something else; choose another --out")
        return
    partial = home.with_name(f"{home.name}.partial")
    for split in PUBLIC_SPLITS:
        columns = _columns(release, split, records[split], dataset)
        path = partial / table_path(split)
        with replacing(path) as temporary:
            table = pa.table(columns, table_schema(split))
            pq.write_table(table, temporary, row_group_size=ROW_GROUP, **PARQUET)
    copy_unsharded(tree, partial)
    tables = tuple(FileFacts.of(partial, table_path(split)) for split in PUBLIC_SPLITS)
    recipe = Recipe(fingerprint=release.manifest.fingerprint, files=tables)
    write_text(partial / RECIPE_FILE, recipe.to_json())
    partial.rename(home)


def copy_unsharded(tree: Path, into: Path) -> None:
    """Copy every file of a release but its shards."""
    for path in COPIED:
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        with replacing(into / path) as temporary:
            shutil.copyfile(tree / path, temporary)


def bound(dataset: Dataset, rows: Sequence[int], attributes: Sequence[str]) -> list[str]:
    """One SHA-256 for each image and its labels, of the text `<SHA-256 of the image> 1 0`.

    The labels are the dataset's too, so a recipe does not show them; who has it can check them.
    """
    labels = [dataset.index.labels[name][rows].tolist() for name in attributes]
    texts = zip(dataset.digests(rows), *labels, strict=True)
    return [hashlib.sha256(" ".join(map(str, text)).encode()).hexdigest() for text in texts]


def _columns(
    release: Release, split: str, planned: Sequence[PlannedRecord], dataset: Dataset
) -> dict[str, pa.Array]:
    rows = [record.row for record in planned]
    attributes = (release.manifest.task.name, release.manifest.sensitive.name)
    columns = {
        "sample_id": [record.sample_id for record in planned],
        "image_id": [record.image_id for record in planned],
        "sketch": _packed(release, split),
    }
    if split == "test":
        return columns
    return columns | {
        "subject": [record.subject for record in planned],
        "source": [dataset.index.keys[row] for row in rows],
        "source_sha256": bound(dataset, rows, attributes),
    }


def _packed(release: Release, split: str) -> pa.Array:
    """Sketch the activations of a split, in record order."""
    shape = release.manifest.client.activation_shape
    tables = release.tables(split, ("activation",))
    made = [sketched(vectors_to_numpy(one.column("activation"), shape)) for one in tables]
    return vectors_to_arrow(np.concatenate(made), table_schema(split).field("sketch"))
