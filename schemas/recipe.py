"""recipe.json: a release without its records, where the terms of its images forbid passing them on.

Of a record whose answers are public the recipe names the image in the source, and what its bytes
and labels hash to. Of a `test` record it says nothing but what the release itself makes public:
the ids, and a few numbers of the activation.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .base import Record, Sha256
from .errors import CorruptData, MissingData, SchemaMismatch
from .files import read_json
from .manifest import FileFacts, Manifest
from .records import ANSWERED_SPLITS, PUBLIC_SPLITS, vectors_to_numpy
from .shards import UNREADABLE

RECIPE_FILE = "recipe.json"
SKETCH_LENGTH = 8
NAMES = {"sample_id": pa.string(), "image_id": pa.string()}
SOURCES = {"subject": pa.string(), "source": pa.string(), "source_sha256": pa.string()}
SKETCH = {"sketch": pa.list_(pa.field("item", pa.float32(), nullable=False), SKETCH_LENGTH)}


class Recipe(Record):
    """Which release this is the recipe of, and the tables that stand in for its records."""

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    files: tuple[FileFacts, ...]

    @classmethod
    def read(cls, folder: Path) -> "Recipe":
        """Read `<folder>/recipe.json`; `MissingData` where the folder holds no recipe."""
        path = folder / RECIPE_FILE
        if not path.is_file():
            raise MissingData(
                f"{folder}: expected a recipe, a folder with a {RECIPE_FILE}; fetch one with "
                "`leakboard pull REPO DIR`"
            )
        return cls.parse(read_json(path), str(path))


def listed(folder: Path) -> tuple[FileFacts, ...]:
    """The files that the manifest in a folder vouches for: those of the release, or of its recipe.

    What vouches for them is not among them: manifest.json, SHA256SUMS, recipe.json.
    """
    manifest = Manifest.read(folder)
    return (*manifest.files, *Recipe.read(folder).files) if is_recipe(folder) else manifest.listed


def is_recipe(folder: Path) -> bool:
    """Whether a folder holds a recipe in the place of a release."""
    return (folder / RECIPE_FILE).is_file()


def table_path(split: str) -> str:
    """Name the table of a split.

    >>> table_path("test")
    'recipe/test.parquet'
    """
    return f"recipe/{split}.parquet"


def table_schema(split: str) -> pa.Schema:
    """The columns of a split's table: of `test` no source."""
    sources = SOURCES if split in ANSWERED_SPLITS else {}
    return pa.schema({**NAMES, **sources, **SKETCH})


def read_tables(folder: Path, splits: Iterable[str] = PUBLIC_SPLITS) -> dict[str, pa.Table]:
    """Read the tables of a recipe by split; `CorruptData` or `SchemaMismatch` names the file."""
    return {split: _read(folder / table_path(split), table_schema(split)) for split in splits}


def sketches_in(table: pa.Table) -> NDArray[np.float32]:
    """The sketches of a table's records, (N, 8)."""
    sketches: NDArray[np.float32] = vectors_to_numpy(table.column("sketch"), (SKETCH_LENGTH,))
    return sketches


def _read(path: Path, expected: pa.Schema) -> pa.Table:
    try:
        table = pq.read_table(path, partitioning=None)
    except UNREADABLE as problem:
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        raise CorruptData(f"{path} cannot be read ({reason}); pull the recipe again") from problem
    if not table.schema.equals(expected) or table.schema.metadata:
        raise SchemaMismatch(
            f"{path}: expected the columns {', '.join(expected.names)} of a recipe, but got "
            f"{', '.join(f'{field.name} of {field.type}' for field in table.schema)}; pull the "
            "recipe again"
        )
    return table
