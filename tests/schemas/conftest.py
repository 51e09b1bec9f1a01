"""Records with every column a release has, and a configuration, both small."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from leakboard.schemas import RecordSchema
from leakboard.schemas.records import RESERVE_COLUMNS, vectors_to_arrow

MakeRecords = Callable[[int], pa.Table]


@pytest.fixture(scope="session")
def schema() -> RecordSchema:
    return RecordSchema((3, 4, 5), ("no", "yes"), ("a", "b", "c"))


@pytest.fixture(scope="session")
def make_records(schema: RecordSchema) -> MakeRecords:
    """`make_records(n)`: n records whose values all follow from n."""

    def make(count: int) -> pa.Table:
        random = np.random.default_rng(count)
        arrow = schema.arrow(RESERVE_COLUMNS)
        activation = random.normal(size=(count, 3, 4, 5)).astype(np.float16)
        logits = random.normal(size=(count, 2)).astype(np.float32)
        columns = {
            "sample_id": [random.bytes(16).hex() for _ in range(count)],
            "image_id": [random.bytes(16).hex() for _ in range(count)],
            "query": random.integers(0, 16, count),
            "activation": vectors_to_arrow(activation, arrow.field("activation")),
            "task_logits": vectors_to_arrow(logits, arrow.field("task_logits")),
            "input": [{"bytes": _png(random), "path": None} for _ in range(count)],
            "task": random.integers(0, 2, count),
            "sensitive": random.integers(0, 3, count),
            "subject": [f"subject {number}" for number in range(count)],
            "source": [f"Bildgröße/{number:06d}.jpg" for number in range(count)],
        }
        return pa.table([_column(columns[field.name], field) for field in arrow], schema=arrow)

    return make


def _column(values: object, field: pa.Field) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, field.type)


def _png(random: np.random.Generator) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def recipe_with(**changes: Any) -> dict[str, Any]:
    """A configuration as plain data; tables are merged, other values replaced."""
    recipe: dict[str, Any] = {
        "name": "synthetic-disco",
        "scale": "smoke",
        "dataset": {
            "name": "synthetic",
            "task": "smiling",
            "sensitive": "race",
            "size": 32,
            "correlation": 0.3,
        },
        "defense": {"name": "disco", "ratio": 0.6},
        "training": {"warmup_epochs": 1, "epochs": 2},
    }
    for key, value in changes.items():
        recipe[key] = {**recipe.get(key, {}), **value} if isinstance(value, dict) else value
    return recipe
