"""Write the shards of a release and of its truth; what is there already is kept.

A shard is a task of its own: it depends on its slice of the plan alone, whoever makes it and in
whatever order. Here as many are made at a time as there are cores; their batches share one pool,
so that one shard is encoded, written and hashed while others are decoded and computed.
"""

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
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
from ..schemas.shards import ROW_GROUP, ContentHash, parts, shard_path, shard_writer
from .engine import BATCH, Engine, batches
from .plan import PlannedRecord

SHARD_BYTES = 256 * 2**20
INPUT_BYTES = 16 * 2**10  # allowed per encoded input when the rows of a shard are chosen
GROUP = ROW_GROUP // BATCH  # batches in a row group
AHEAD = 2 * GROUP  # batches of a shard that are made, or wait, before they are written


@dataclass(frozen=True)
class Slice:
    """Consecutive records of a split: the content of one shard."""

    split: str
    number: int
    count: int
    records: Sequence[PlannedRecord]


def rows_per_shard(shape: tuple[int, int, int], shard_bytes: int) -> int:
    """How many records of activations C H W a shard holds."""
    return max(shard_bytes // (2 * math.prod(shape) + INPUT_BYTES), 1)


@dataclass(frozen=True)
class Written:
    """A slice on disk: its shard in each format, and whom the task network classified correctly.

    `made` are the records that were not there before.
    """

    split: str
    made: int
    shards: Mapping[Format, Shard]
    correct: NDArray[np.bool_]


@dataclass(frozen=True)
class Writer:
    """Writes slices into the public trees (one per format) and the truth tree, if there is one."""

    engine: Engine
    trees: Mapping[Format, Path]
    truth: Path | None
    shard_bytes: int = SHARD_BYTES

    def slices(self, records: Mapping[str, Sequence[PlannedRecord]]) -> list[Slice]:
        """Cut every split into shards of at most `shard_bytes` before compression."""
        rows = rows_per_shard(self._schema.activation_shape, self.shard_bytes)
        return [
            Slice(split, number, math.ceil(len(planned) / rows), planned[start : start + rows])
            for split, planned in records.items()
            for number, start in enumerate(range(0, len(planned), rows))
        ]

    def write(self, slices: Sequence[Slice]) -> list[Written]:
        """Write what is missing of the slices; the first error stops all of them."""
        total = sum(len(part.records) for part in slices)
        with tqdm(total=total, desc="release", unit="rows", disable=None) as bar, _pools() as pools:
            write = partial(self._write_slice, pools.batches, bar)
            return list(pools.shards.map(write, slices))

    @property
    def _schema(self) -> RecordSchema:
        return self.engine.schema

    def _targets(self, part: Slice) -> dict[Path, tuple[str, ...]]:
        """The files that hold this slice, and their columns."""
        targets: dict[Path, tuple[str, ...]] = {}
        if part.split in PUBLIC_SPLITS:
            for kind, tree in self.trees.items():
                path = shard_path(part.split, part.number, part.count, kind)
                targets[tree / path] = public_columns(part.split)
        if self.truth and part.split in ("test", RESERVE):
            name = Path(shard_path(part.split, part.number, part.count, "parquet")).name
            targets[self.truth / name] = TRUTH_COLUMNS if part.split == "test" else RESERVE_COLUMNS
        return targets

    def _write_slice(self, compute: Executor, bar: tqdm, part: Slice) -> Written:
        targets = self._targets(part)
        missing = {path: names for path, names in targets.items() if not path.exists()}
        first, columns = next(iter(targets.items()))
        content = ContentHash(self.engine.identifiers(part.records))
        logits = []
        with ExitStack() as stack:
            files = {
                stack.enter_context(shard_writer(path, self._schema, names)): names
                for path, names in missing.items()
            }
            tables = self._made(compute, part) if missing else self._read(first, columns, part)
            for table in tables:
                for append, names in files.items():
                    append(self._select(table, names))
                content.update(table.select(columns))
                logits.append(vectors_to_numpy(table.column("task_logits"), self._logits_shape))
                bar.update(table.num_rows)
        correct = np.concatenate(logits).argmax(axis=1) == self._labels(part)
        made = len(part.records) if missing else 0
        return Written(part.split, made, self._facts(part, content.hexdigest()), correct)

    def _made(self, compute: Executor, part: Slice) -> Iterator[pa.Table]:
        """Yield row groups in their order, while `compute` makes the batches of later ones."""
        made = self._batches(compute, part)
        while group := list(islice(made, GROUP)):
            yield pa.concat_tables(group).combine_chunks()

    def _batches(self, compute: Executor, part: Slice) -> Iterator[pa.Table]:
        pending: deque[Future[pa.Table]] = deque()
        for batch in batches(part.records):
            pending.append(compute.submit(self.engine.table, batch))
            if len(pending) > AHEAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()

    def _read(self, path: Path, columns: tuple[str, ...], part: Slice) -> Iterator[pa.Table]:
        """Yield the records that an earlier run wrote."""
        for stored in parts(path, self._schema, columns, len(part.records)):
            yield stored.table(columns)

    def _select(self, table: pa.Table, columns: tuple[str, ...]) -> pa.Table:
        return table.select(columns).replace_schema_metadata(self._schema.arrow(columns).metadata)

    @property
    def _logits_shape(self) -> tuple[int]:
        return (len(self._schema.task_classes),)

    def _labels(self, part: Slice) -> NDArray[np.int64]:
        labels = self.engine.dataset.index.labels[self.engine.task]
        return labels[[record.row for record in part.records]]

    def _facts(self, part: Slice, content: str) -> dict[Format, Shard]:
        facts: dict[Format, Shard] = {}
        for kind, tree in self.trees.items() if part.split in PUBLIC_SPLITS else ():
            name = shard_path(part.split, part.number, part.count, kind)
            facts[kind] = Shard(
                path=name,
                split=part.split,
                rows=len(part.records),
                bytes=(tree / name).stat().st_size,
                sha256=sha256_of(tree / name),
                content_sha256=content,
            )
        return facts


@dataclass(frozen=True)
class _Pools:
    shards: Executor
    batches: Executor


@contextmanager
def _pools() -> Iterator[_Pools]:
    """Threads that write shards and threads that make batches, as many of each as torch has.

    Each computes alone: the sums of a batch do not depend on how many cores there are.
    """
    cores = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(cores) as shards, ThreadPoolExecutor(cores) as compute:
            try:
                yield _Pools(shards, compute)
            finally:
                compute.shutdown(cancel_futures=True)  # after an error: shards that wait stop
    finally:
        torch.set_num_threads(cores)
