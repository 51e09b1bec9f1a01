"""Write the shards of a release and of its truth; what is there already is kept."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from ..schemas import RecordSchema, public_columns
from ..schemas.files import sha256_of
from ..schemas.manifest import Format, Shard
from ..schemas.records import (
    PUBLIC_SPLITS,
    RESERVE,
    RESERVE_COLUMNS,
    TRUTH_COLUMNS,
    vectors_to_numpy,
)
from ..schemas.shards import content_sha256, read_shard, shard_path, write_shard
from .engine import Engine
from .plan import PlannedRecord

INPUT_BYTES = 16 * 2**10  # allowed per encoded input when the rows of a shard are chosen


@dataclass(frozen=True)
class Slice:
    """Consecutive records of a split: the content of one shard."""

    split: str
    number: int
    count: int
    records: Sequence[PlannedRecord]


@dataclass(frozen=True)
class Writer:
    """Writes slices into the public trees (one per format) and the truth tree."""

    engine: Engine
    trees: Mapping[Format, Path]
    truth: Path
    shard_bytes: int

    def slices(self, records: Mapping[str, Sequence[PlannedRecord]]) -> Iterator[Slice]:
        """Cut every split into shards of at most `shard_bytes` before compression."""
        record_bytes = 2 * math.prod(self._schema.activation_shape) + INPUT_BYTES
        rows = max(self.shard_bytes // record_bytes, 1)
        for split, planned in records.items():
            starts = range(0, len(planned), rows)
            for number, start in enumerate(starts):
                yield Slice(split, number, len(starts), planned[start : start + rows])

    def write(
        self, records: Mapping[str, Sequence[PlannedRecord]]
    ) -> tuple[dict[Format, list[Shard]], dict[str, NDArray[np.bool_]]]:
        """Write all shards; returns their facts per format and, per split, who was classified
        correctly by the task network.
        """
        shards: dict[Format, list[Shard]] = {kind: [] for kind in self.trees}
        correct: dict[str, list[NDArray[np.bool_]]] = {split: [] for split in records}
        total = sum(map(len, records.values()))
        with tqdm(total=total, desc="release", unit="rows", disable=None) as bar:
            for part in self.slices(records):
                content, logits = self._write_slice(part)
                for kind in self.trees if part.split != RESERVE else ():
                    shards[kind].append(self._facts(part, kind, content))
                correct[part.split].append(logits.argmax(axis=1) == self._labels(part))
                bar.update(len(part.records))
        return shards, {split: np.concatenate(parts) for split, parts in correct.items()}

    @property
    def _schema(self) -> RecordSchema:
        return self.engine.schema

    def _labels(self, part: Slice) -> NDArray[np.int64]:
        labels = self.engine.dataset.index.labels[self.engine.task]
        return labels[[record.row for record in part.records]]

    def _targets(self, part: Slice) -> dict[Path, tuple[str, ...]]:
        """The files that hold this slice, and their columns."""
        targets: dict[Path, tuple[str, ...]] = {}
        if part.split in PUBLIC_SPLITS:
            for kind, tree in self.trees.items():
                path = shard_path(part.split, part.number, part.count, kind)
                targets[tree / path] = public_columns(part.split)
        if part.split in ("test", RESERVE):
            name = Path(shard_path(part.split, part.number, part.count, "parquet")).name
            targets[self.truth / name] = TRUTH_COLUMNS if part.split == "test" else RESERVE_COLUMNS
        return targets

    def _write_slice(self, part: Slice) -> tuple[str, NDArray[np.float32]]:
        """Write what is missing; returns the hash of the public content and the task logits."""
        targets = self._targets(part)
        missing = {path: names for path, names in targets.items() if not path.exists()}
        made = self.engine.table(part.records, RESERVE_COLUMNS) if missing else None
        for path, columns in missing.items():
            assert made is not None
            write_shard(path, self._select(made, columns), self._schema)
        path, columns = next(iter(targets.items()))
        public = self._select(made, columns) if made else read_shard(path, self._schema, columns)
        classes = len(self._schema.task_classes)
        return content_sha256(public), vectors_to_numpy(public.column("task_logits"), (classes,))

    def _select(self, table: pa.Table, columns: tuple[str, ...]) -> pa.Table:
        return table.select(columns).replace_schema_metadata(self._schema.arrow(columns).metadata)

    def _facts(self, part: Slice, kind: Format, content: str) -> Shard:
        name = shard_path(part.split, part.number, part.count, kind)
        path = self.trees[kind] / name
        return Shard(
            path=name,
            split=part.split,
            rows=len(part.records),
            bytes=path.stat().st_size,
            sha256=sha256_of(path),
            content_sha256=content,
        )
