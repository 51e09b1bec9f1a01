"""From planned records to Arrow tables: decode → client and defense → encode.

Legend: N records, C H W activation channels, height, width; S image side; K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..schemas import ActivationOverflow, RecordSchema
from ..schemas.records import vectors_to_arrow
from .client import Client
from .datasets import Dataset, decode
from .noise import RecordNoise
from .plan import PlannedRecord

BATCH = 64  # fixed: float32 sums may differ in the last bit between batch sizes
FLOAT16_MAX = float(np.finfo(np.float16).max)


@dataclass(frozen=True)
class Engine:
    """Everything a shard needs; the same records always give the same table."""

    dataset: Dataset
    task: str
    sensitive: str
    client: Client
    task_network: nn.Module
    schema: RecordSchema

    def table(self, records: Sequence[PlannedRecord], columns: tuple[str, ...]) -> pa.Table:
        """Make the Arrow table of `records` with exactly `columns`."""
        rows = [record.row for record in records]
        encoded = self.dataset.encoded(rows)
        activation, logits = self._forward(encoded, [record.noise_seed for record in records])
        index = self.dataset.index
        content: dict[str, Any] = {
            "sample_id": [record.sample_id for record in records],
            "image_id": [record.image_id for record in records],
            "query": [record.query for record in records],
            "activation": activation,
            "task_logits": logits,
            "input": [{"bytes": image, "path": None} for image in encoded],
            "task": index.labels[self.task][rows],
            "sensitive": index.labels[self.sensitive][rows],
            "subject": [record.subject for record in records],
            "source": [index.keys[row] for row in rows],
        }
        arrow = self.schema.arrow(columns)
        return pa.table([_column(content[field.name], field) for field in arrow], schema=arrow)

    def _forward(
        self, encoded: Sequence[bytes], seeds: Sequence[int]
    ) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        parts = [
            self._forward_batch(encoded[start : start + BATCH], seeds[start : start + BATCH])
            for start in range(0, len(encoded), BATCH)
        ]
        activations, logits = zip(*parts, strict=True)
        return np.concatenate(activations), np.concatenate(logits)

    @torch.no_grad()
    def _forward_batch(
        self, encoded: Sequence[bytes], seeds: Sequence[int]
    ) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
        images = to_unit_range(np.stack([decode(c, self.dataset.size) for c in encoded]))
        activation = to_float16(self.client(images, RecordNoise(seeds)))
        # The server sees float16, so the task output and the utility are computed from that.
        logits: Tensor = self.task_network(activation.float())
        return activation.numpy(), logits.numpy()


def to_unit_range(images: NDArray[np.uint8]) -> Tensor:
    """Turn (N, S, S, 3) uint8 into (N, 3, S, S) float32 in [0, 1], channels last in memory."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255


def to_float16(activation: Tensor) -> Tensor:
    """Round to the released format; `ActivationOverflow` where a value does not fit."""
    largest = activation.abs().max().item()
    if not largest <= FLOAT16_MAX:
        raise ActivationOverflow(
            f"expected activations within float16 (±{FLOAT16_MAX:.0f}), but got {largest:g}; "
            "lower the defense's noise or the learning rate"
        )
    return activation.half().contiguous()


def _column(values: Any, field: pa.Field) -> pa.Array:
    if pa.types.is_fixed_size_list(field.type):
        return vectors_to_arrow(values, field)
    return pa.array(values, field.type)
