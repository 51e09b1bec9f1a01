"""One activation record, as it lies in a shard: its Arrow schema, per split.

Legend: N records, C H W activation channels, height, width; K classes of the task.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa

PublicSplit = Literal["defender", "auxiliary", "validation", "test"]
PUBLIC_SPLITS: tuple[PublicSplit, ...] = ("defender", "auxiliary", "validation", "test")
ANSWERED_SPLITS = PUBLIC_SPLITS[:3]
RESERVE = "reserve"
QUERIES = 16  # of each image that a randomised defense is asked about repeatedly

IDENTIFIERS = ("sample_id", "image_id", "query")
RELEASED = ("activation", "task_logits")
ANSWERS = ("input", "task", "sensitive", "subject")

IMAGE_TYPE = pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])


@dataclass(frozen=True)
class RecordSchema:
    """The shapes and class names that type the records of one release."""

    activation_shape: tuple[int, int, int]  # C H W
    task_classes: tuple[str, ...]
    sensitive_classes: tuple[str, ...]

    def arrow(self, columns: Iterable[str]) -> pa.Schema:
        """The Arrow schema of `columns`, typed for every reader, `datasets` included."""
        fields = [self._fields()[column] for column in columns]
        features = {field.name: self._features()[field.name] for field in fields}
        metadata = {"huggingface": json.dumps({"info": {"features": features}}, sort_keys=True)}
        return pa.schema(fields, metadata=metadata)

    def _fields(self) -> dict[str, pa.Field]:
        # Columns are nullable, though never null: `datasets` ignores a feature (class names,
        # images) whose column is declared otherwise. The numbers inside a vector are not null.
        channels, height, width = self.activation_shape
        types = {
            "sample_id": pa.string(),
            "image_id": pa.string(),
            "query": pa.int32(),
            "activation": _vector(pa.float16(), channels * height * width),
            "task_logits": _vector(pa.float32(), len(self.task_classes)),
            "input": IMAGE_TYPE,
            "task": pa.int64(),
            "sensitive": pa.int64(),
            "subject": pa.string(),
            "source": pa.string(),
        }
        shape = {"shape": json.dumps(self.activation_shape), "order": "C"}
        notes = {"activation": shape}
        return {
            name: pa.field(name, kind, metadata=notes.get(name)) for name, kind in types.items()
        }

    def _features(self) -> dict[str, Any]:
        channels, height, width = self.activation_shape
        text = {"dtype": "string", "_type": "Value"}
        return {
            "sample_id": text,
            "image_id": text,
            "query": {"dtype": "int32", "_type": "Value"},
            "activation": _list_feature("float16", channels * height * width),
            "task_logits": _list_feature("float32", len(self.task_classes)),
            "input": {"_type": "Image"},
            "task": {"names": list(self.task_classes), "_type": "ClassLabel"},
            "sensitive": {"names": list(self.sensitive_classes), "_type": "ClassLabel"},
            "subject": text,
            "source": text,
        }


def public_columns(split: str) -> tuple[str, ...]:
    """The columns of a public shard: of `test` only what left the device and its ids."""
    return IDENTIFIERS + RELEASED + (() if split == "test" else ANSWERS)


# Truth trees: the withheld answers of `test`, and the whole records of `reserve`.
TRUTH_COLUMNS = ("sample_id", "image_id", "query", *ANSWERS, "source")
RESERVE_COLUMNS = (*IDENTIFIERS, *RELEASED, *ANSWERS, "source")


def _vector(kind: pa.DataType, length: int) -> pa.DataType:
    return pa.list_(pa.field("item", kind, nullable=False), length)


def _list_feature(kind: str, length: int) -> dict[str, Any]:
    return {"feature": {"dtype": kind, "_type": "Value"}, "length": length, "_type": "List"}


def vectors_to_arrow(values: np.ndarray[Any, Any], field: pa.Field) -> pa.Array:
    """Pack (N, …) numbers into a fixed-size-list column without copying."""
    flat = np.ascontiguousarray(values).reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat), type=field.type)


def vectors_to_numpy(column: pa.ChunkedArray, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Unpack a fixed-size-list column to (N, *shape)."""
    parts = [chunk.flatten().to_numpy(zero_copy_only=True) for chunk in column.chunks]
    flat = parts[0] if len(parts) == 1 else np.concatenate(parts or [np.empty(0, np.float16)])
    return flat.reshape(-1, *shape)
