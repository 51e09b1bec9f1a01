"""From planned records to Arrow tables: decode → client and defense → encode.

Legend: N records, C H W activation channels, height, width; S image side; K classes.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..schemas import ActivationOverflow, RecordSchema
from ..schemas.records import IDENTIFIERS, RESERVE_COLUMNS, vectors_to_arrow
from .client import Client
from .datasets import Dataset
from .noise import RecordNoise
from .plan import PlannedRecord

BATCH = 64  # fixed: float32 sums may differ in the last bit between batch sizes
PIXELS = 2**18  # of the images the client sees at once, for the processor's cache; fixed as well
FLOAT16_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Engine:
    """Everything a shard needs; the same records always give the same table.

    Its steps may be called by any thread: each depends on its arguments alone.
    """

    dataset: Dataset
    task: str
    sensitive: str
    client: Client
    task_network: nn.Module
    schema: RecordSchema

    def table(self, records: Sequence[PlannedRecord]) -> pa.Table:
        """Make the Arrow table of at most `BATCH` records with all columns."""
        encoded, images = self.decoded(records)
        activation = self.activations(images, [record.noise_seed for record in records])
        return self.arrow(records, encoded, activation, self.logits(activation))

    def decoded(self, records: Sequence[PlannedRecord]) -> tuple[list[bytes], NDArray[np.uint8]]:
        """Read the images of N records: encoded, and (N, S, S, 3) uint8."""
        return self.dataset.encoded_and_pixels([record.row for record in records])

    @torch.no_grad()
    def activations(self, images: NDArray[np.uint8], seeds: Sequence[int]) -> Tensor:
        """Run client and defense; (N, C, H, W) float16 as released, in the client's own layout."""
        parts = [
            to_float16(self.client(to_unit_range(images[part]), RecordNoise(seeds[part])))
            for part in _parts(images)
        ]
        return torch.cat(parts)

    @torch.no_grad()
    def logits(self, activation: Tensor) -> Tensor:
        """Run the task network, (N, K) float32, on what the server sees: float16."""
        logits: Tensor = self.task_network(activation.float())
        return logits

    def arrow(
        self,
        records: Sequence[PlannedRecord],
        encoded: Sequence[bytes],
        activation: Tensor,
        logits: Tensor,
    ) -> pa.Table:
        """Gather the columns of N records."""
        rows = [record.row for record in records]
        index = self.dataset.index
        content: dict[str, Any] = {
            **_identifiers(records),
            "activation": activation.contiguous().numpy(),
            "task_logits": logits.numpy(),
            "input": [{"bytes": image, "path": None} for image in encoded],
            "task": index.labels[self.task][rows],
            "sensitive": index.labels[self.sensitive][rows],
            "subject": [record.subject for record in records],
            "source": [index.keys[row] for row in rows],
        }
        return _table(content, self.schema.arrow(RESERVE_COLUMNS))

    def identifiers(self, records: Sequence[PlannedRecord]) -> pa.Table:
        """What names the records: known before they are made."""
        return _table(_identifiers(records), self.schema.arrow(IDENTIFIERS))


def batches(records: Sequence[PlannedRecord]) -> Iterator[Sequence[PlannedRecord]]:
    """Cut records into batches of `BATCH`; the last one may be smaller."""
    for start in range(0, len(records), BATCH):
        yield records[start : start + BATCH]


def _parts(images: NDArray[np.uint8]) -> Iterator[slice]:
    """Cut (N, S, S, 3) images into equal parts of at most `PIXELS` pixels, or of one image."""
    count, height, width, _ = images.shape
    size = math.ceil(count / math.ceil(count * height * width / PIXELS))
    return (slice(start, start + size) for start in range(0, count, size))


def to_unit_range(images: NDArray[np.uint8]) -> Tensor:
    """Turn (N, S, S, 3) uint8 into (N, 3, S, S) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def to_float16(activation: Tensor) -> Tensor:
    """Round to the released format; `ActivationOverflow` where a value does not fit."""
    lowest, highest = torch.aminmax(activation)
    largest = torch.maximum(-lowest, highest).item()
    if not largest <= FLOAT16_MAX:
        raise ActivationOverflow(
            f"expected activations within float16 (±{FLOAT16_MAX:.0f}), but got {largest:g}; "
            "lower the defense's noise or the learning rate"
        )
    return activation.half()


def _identifiers(records: Sequence[PlannedRecord]) -> dict[str, Any]:
    return {name: [getattr(record, name) for record in records] for name in IDENTIFIERS}


def _table(content: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    return pa.table([_column(content[field.name], field) for field in schema], schema=schema)


def _column(values: Any, field: pa.Field) -> pa.Array:
    if pa.types.is_fixed_size_list(field.type):
        return vectors_to_arrow(values, field)
    return pa.array(values, field.type)
