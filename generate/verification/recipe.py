"""Check what stands in for the records in a recipe: that nothing in it is more than was meant."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa

from ...schemas import LeakboardError, Manifest
from ...schemas.recipe import (
    RECIPE_FILE,
    SOURCES,
    Recipe,
    read_tables,
    sketches_in,
    table_path,
)
from ...schemas.records import ANSWERED_SPLITS, PUBLIC_SPLITS
from ...schemas.slack import slack
from .contents import Problem


def verify_recipe(
    folder: Path, recipe: Recipe, manifest: Manifest, damaged: set[str]
) -> Iterator[Problem]:
    """Yield what is wrong with recipe.json and its tables; the other files are the release's."""
    if (folder / RECIPE_FILE).read_text("utf-8") != recipe.to_json():
        yield Problem(RECIPE_FILE, "is not written as `leakboard generate` writes it")
    if recipe.fingerprint != manifest.fingerprint:
        yield Problem(RECIPE_FILE, "is the recipe of another release than the manifest's")
    expected = [table_path(split) for split in PUBLIC_SPLITS]
    if [file.path for file in recipe.files] != expected:
        yield Problem(RECIPE_FILE, f"does not list the tables {', '.join(expected)}")
    elif not damaged.intersection(expected):
        yield from _tables(folder, manifest)


def _tables(folder: Path, manifest: Manifest) -> Iterator[Problem]:
    tables: dict[str, pa.Table] = {}
    for split in PUBLIC_SPLITS:
        path = table_path(split)
        try:
            tables |= read_tables(folder, (split,))
        except LeakboardError as problem:
            yield Problem(path, str(problem))
            continue
        expected = sum(shard.rows for shard in manifest.shards_of(split))
        for found in (*slack(folder / path), *_table(tables[split], expected)):
            yield Problem(path, found)
    for column in ("sample_id", "image_id", *SOURCES):
        yield from _shared(tables, column)


def _table(table: pa.Table, expected: int) -> Iterator[str]:
    if table.num_rows != expected:
        yield f"holds {table.num_rows} records, the manifest says {expected}"
    if any(column.null_count for column in table.columns):
        yield "holds nulls"
    elif not np.isfinite(sketches_in(table)).all():
        yield "holds sketches that are not finite"
    if any(a >= b for a, b in pairwise(table.column("sample_id").to_pylist())):
        yield "is not in the order of its ids: the order could say something about the images"


def _shared(tables: dict[str, pa.Table], column: str) -> Iterator[Problem]:
    """No record, image or person is in two splits."""
    owners: dict[str, str] = {}
    for split, table in tables.items():
        if split in ANSWERED_SPLITS or column not in SOURCES:
            values = set(table.column(column).to_pylist())
            for value in sorted(values & owners.keys()):
                where = f"shares the {column} {value} with the split {owners[value]!r}"
                yield Problem(table_path(split), where)
            owners |= dict.fromkeys(values, split)
