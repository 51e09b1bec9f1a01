"""Records as tensors: what attacks are trained on and asked about.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import torch
from torch import Tensor

from ...schemas import Manifest, Release, UsageError, answers
from ...schemas.records import ANSWERED_SPLITS, IDENTIFIERS, RELEASED
from .images import decode_images
from .reader import SplitReader

ANSWER_COLUMNS = ("input", "task", "sensitive", "subject")


@dataclass(frozen=True)
class Records:
    """Records of one split; the answers are None where they are withheld.

    query            N int32
    activation       N C H W float16
    task_logits      N K float32
    inputs           N 3 S S uint8
    task, sensitive  N int64
    subject          N opaque codes
    """

    manifest: Manifest
    split: str
    sample_id: Sequence[str]
    image_id: Sequence[str]
    query: Tensor
    activation: Tensor
    task_logits: Tensor
    inputs: Tensor | None = None
    task: Tensor | None = None
    sensitive: Tensor | None = None
    subject: Sequence[str] | None = None

    def __len__(self) -> int:
        """How many records there are."""
        return len(self.sample_id)

    def select(self, rows: Tensor) -> "Records":
        """Keep the records at `rows` (int64 positions)."""
        positions = rows.tolist()
        return replace(
            self,
            sample_id=[self.sample_id[row] for row in positions],
            image_id=[self.image_id[row] for row in positions],
            query=self.query[rows],
            activation=self.activation[rows],
            task_logits=self.task_logits[rows],
            inputs=None if self.inputs is None else self.inputs[rows],
            task=None if self.task is None else self.task[rows],
            sensitive=None if self.sensitive is None else self.sensitive[rows],
            subject=None if self.subject is None else [self.subject[row] for row in positions],
        )

    def known(self, answer: str) -> Tensor:
        """The answers `inputs`, `task` or `sensitive`; ValueError where they are withheld."""
        values: Tensor | None = getattr(self, answer)
        if values is None:
            raise ValueError(f"the split {self.split!r} is given without its answers ({answer})")
        return values

    def without_answers(self) -> "Records":
        """Keep only what left the device: what an attack may see of the records it predicts."""
        return replace(self, inputs=None, task=None, sensitive=None, subject=None)

    def first_queries(self) -> "Records":
        """Keep one record per image, the one with query 0: what predictions are made for."""
        return self.select(torch.nonzero(self.query == 0).flatten())

    def of_first_images(self, count: int) -> "Records":
        """Keep every query of the first `count` images, in the order of their records of query 0.

        The secret decided that order. `UsageError` where there are not that many images.
        """
        images = [
            i for i, query in zip(self.image_id, self.query.tolist(), strict=True) if query == 0
        ]
        if count > len(images):
            raise UsageError(
                f"{count} images of {self.split!r} were to be asked about, but it has "
                f"{len(images)}; ask about fewer, or leave the number out to ask about all"
            )
        kept = set(images[:count])
        return self.select(torch.tensor([r for r, i in enumerate(self.image_id) if i in kept]))


def read_records(release: Release, split: str) -> Records:
    """Read a split into memory, with its answers where they are public."""
    answered = split in ANSWERED_SPLITS
    columns = IDENTIFIERS + RELEASED + (ANSWER_COLUMNS if answered else ())
    values: dict[str, Any] = SplitReader(release, split, columns).whole()
    if answered:
        values["inputs"] = values.pop("input")
    return Records(manifest=release.manifest, split=split, **values)


def repeated_images(release: Release, split: str) -> frozenset[str]:
    """Name the images that a randomized defense was asked about more than once."""
    names = release.table(split, ("image_id",)).column("image_id").to_pylist()
    return frozenset(name for name, queries in Counter(names).items() if queries > 1)


def read_truth(release: Release, split: str, truth: Path | None) -> Records:
    """Read one record per image with all its answers; those of `test` come from the truth."""
    records = read_records(release, split)
    table = answers(release, split, truth)
    if table.column("sample_id").to_pylist() != list(records.sample_id):
        position = {name: row for row, name in enumerate(table.column("sample_id").to_pylist())}
        table = table.take([position[name] for name in records.sample_id])
    return _with_answers(records, table).first_queries()


def _with_answers(records: Records, table: pa.Table) -> Records:
    return replace(
        records,
        inputs=decode_images(table.column("input")),
        task=torch.from_numpy(table.column("task").to_numpy().copy()),
        sensitive=torch.from_numpy(table.column("sensitive").to_numpy().copy()),
        subject=table.column("subject").to_pylist(),
    )
