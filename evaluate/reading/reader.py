"""Read a split of a release in batches of tensors, from a folder or from the Hub.

Legend: N records of a batch, C H W activation channels, height, width.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, IterableDataset, get_worker_info

from ...schemas import MissingData, Release, UsageError, public_columns
from ...schemas.hub import HubRelease
from ...schemas.manifest import Shard
from .decoding import TEXT, Array, Arrays, Decoder, Workers

Batch = dict[str, Tensor | list[str]]
Rows = range | NDArray[np.int64]
Piece = tuple[Shard, Rows]
FETCHED = 2  # shards at a time, so that one is on its way while another is hashed
T = TypeVar("T")
S = TypeVar("S")


def open_release(
    where: str | Path,
    split: str,
    columns: Sequence[str] = ("sample_id", "activation"),
    *,
    name: str | None = None,
    revision: str | None = None,
    cache: Path | None = None,
) -> "SplitReader":
    """Open a split of a release in a folder, or in the Hub repository `where` at `revision`.

    `columns` are names of release-format.md; `name` says which release of a repository that holds
    several. With `cache`, a folder, later epochs are memory-mapped. Every shard is checked by its
    SHA-256 before its records are given out. Raises `MissingData`, `UsageError`,
    `ChecksumMismatch`.
    """
    folder = Path(where)
    at_hub = not folder.exists() and str(where).count("/") == 1
    release = HubRelease.at(str(where), name, revision) if at_hub else Release.open(folder)
    return SplitReader(release, split, tuple(columns), cache)


class SplitReader(Dataset[dict[str, Any]]):
    """The records of a split by their position: one, or a batch for a list of positions.

    `DataLoader(reader, batch_size=None, sampler=BatchSampler(...))` gives batches. Without a cache
    every shard that was asked for stays in memory. `batches` reads in order of the epoch instead,
    with two shards in memory at most.
    """

    def __init__(
        self, release: Release, split: str, columns: tuple[str, ...], cache: Path | None = None
    ) -> None:
        self.release = release
        self.shards = release.manifest.shards_of(split)
        if not self.shards:
            raise MissingData(f"{release.folder}: the split {split!r} holds no records")
        _refuse_columns(release, split, columns)
        self.decoder = Decoder(release, columns, cache)
        self._starts = np.cumsum([0, *(shard.rows for shard in self.shards)])
        self._decoded: dict[int, Arrays] = {}

    def __len__(self) -> int:
        """How many records there are."""
        return int(self._starts[-1])

    def __getitem__(self, rows: int | Sequence[int]) -> dict[str, Any]:
        """The record at a position without the dimension N, or the records at many with it."""
        if isinstance(rows, int):
            one = self[[range(len(self))[rows]]]
            return {name: values[0] for name, values in one.items()}
        positions = np.asarray(rows, np.int64)
        owners = np.searchsorted(self._starts, positions, side="right") - 1
        parts, order = [], []
        for number in np.unique(owners).tolist():
            mine = np.flatnonzero(owners == number)
            parts.append(pick(self._shard(number), positions[mine] - self._starts[number]))
            order.append(mine)
        back = np.argsort(np.concatenate(order))
        joined = joined_columns(parts)
        return as_batch(joined if len(parts) == 1 else pick(joined, back))

    def whole(self) -> Batch:
        """All records, in record order."""
        with Workers(_processors()) as workers:
            return as_batch(joined_columns([self.decoder.arrays(s, workers) for s in self.shards]))

    def batches(
        self, size: int, *, shuffle: int | None = None, rank: int = 0, world: int = 1
    ) -> "BatchStream":
        """Read batches of `size`; `shuffle` is the seed of the order, None is record order.

        Of `world` processes each gets the same number of records, no record twice in an epoch.
        """
        if size < 1 or not 0 <= rank < world:
            raise UsageError(
                "expected a batch of at least one record and a rank below world, "
                f"but got size {size}, rank {rank}, world {world}"
            )
        return BatchStream(self, size, shuffle, rank, world)

    def _shard(self, number: int) -> Arrays:
        if number not in self._decoded:
            with Workers(_processors()) as workers:
                self._decoded[number] = self.decoder.arrays(self.shards[number], workers)
        return self._decoded[number]


@dataclass
class BatchStream(IterableDataset[Batch]):
    """Batches of one pass over a split; every pass is the next epoch, in an order of its own.

    The order: the shards permuted, and the records within each. Records lie in the order of
    secret ids, so a shard is a random sample of the split. `DataLoader(stream, batch_size=None)`
    shares the records of a rank among its workers; as these are copies, say `set_epoch` before
    each pass. `state_dict` is the position; a stream that loads it goes on with the next batch.
    """

    reader: SplitReader
    size: int
    seed: int | None
    rank: int
    world: int
    _epoch: int = field(default=0, init=False)
    _given: int = field(default=0, init=False)  # records of this epoch

    def set_epoch(self, epoch: int) -> None:
        """Start the next pass as epoch `epoch`, from 0."""
        self._epoch, self._given = epoch, 0

    def state_dict(self) -> dict[str, int]:
        """The position, as plain numbers."""
        return {"epoch": self._epoch, "records": self._given}

    def load_state_dict(self, state: Mapping[str, int]) -> None:
        """Go on from a position of a stream with the same seed, rank and world."""
        self._epoch, self._given = state["epoch"], state["records"]

    def __len__(self) -> int:
        """How many batches a pass from its start has, in one process."""
        return -(-(len(self.reader) // self.world) // self.size)

    def __iter__(self) -> Iterator[Batch]:
        """Give the batches that are left of this epoch."""
        held: list[Arrays] = []
        missing = self.size
        for arrays, rows in self._decoded(self._pieces()):
            start = 0
            while start < len(rows):
                taken = rows[start : start + missing]
                held.append(pick(arrays, taken))
                start += len(taken)
                missing -= len(taken)
                if not missing:
                    self._given += self.size
                    yield as_batch(joined_columns(held))
                    held, missing = [], self.size
        if held:
            self._given += self.size - missing
            yield as_batch(joined_columns(held))
        self.set_epoch(self._epoch + 1)

    def _pieces(self) -> Iterator[Piece]:
        """The rows of each shard that this process has still to give."""
        first, last = self._share()
        first += self._given
        shards = self.reader.shards
        start = 0
        for number in range(len(shards)) if self.seed is None else self._drawn(len(shards)):
            rows = shards[number].rows
            low, high = max(first - start, 0), min(last - start, rows)
            if low < high:
                order = range(rows) if self.seed is None else self._drawn(rows, number)
                yield shards[number], order[low:high]
            start += rows

    def _share(self) -> tuple[int, int]:
        """Where this process begins and ends in the epoch's order."""
        each = len(self.reader) // self.world
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        first = self.rank * each
        return first + each * number // workers, first + each * (number + 1) // workers

    def _drawn(self, count: int, *of: int) -> NDArray[np.int64]:
        assert self.seed is not None
        return np.random.default_rng([self.seed, self._epoch, *of]).permutation(count)

    def _decoded(self, pieces: Iterator[Piece]) -> Iterator[tuple[Arrays, Rows]]:
        """Decode each shard while the one before is being given out, and fetch those after it."""
        decoder = self.reader.decoder

        def fetch(piece: Piece) -> Piece:
            decoder.fetch(piece[0])
            return piece

        def decode(fetched: Future[Piece]) -> tuple[Arrays, Rows]:
            shard, rows = fetched.result()
            return decoder.arrays(shard, workers), rows

        with (
            Workers(_processors()) as workers,
            ThreadPoolExecutor(FETCHED) as fetching,
            ThreadPoolExecutor(1) as decoding,
        ):
            fetched = _ahead(fetching, fetch, pieces, FETCHED)
            try:
                for decoded in _ahead(decoding, decode, fetched, 1):
                    yield decoded.result()
            finally:  # whoever stops early does not wait for what was to come
                fetching.shutdown(wait=False, cancel_futures=True)


def _ahead(
    threads: Executor, work: Callable[[T], S], items: Iterable[T], count: int
) -> Iterator[Future[S]]:
    """Begin to work on `count` more items before one is given out, in their order."""
    waiting: deque[Future[S]] = deque()
    for item in items:
        waiting.append(threads.submit(work, item))
        if len(waiting) > count:
            yield waiting.popleft()
    yield from waiting


def _processors() -> int:
    """Threads to decode with: all processors, or one beside other workers."""
    return 1 if get_worker_info() else len(os.sched_getaffinity(0))


def _refuse_columns(release: Release, split: str, columns: tuple[str, ...]) -> None:
    known = public_columns(split)
    strange = [name for name in columns if name not in known]
    if strange or not columns:
        raise UsageError(
            f"{release.folder}: expected columns of {split!r} among {', '.join(known)}, "
            f"but got {', '.join(strange) or 'none'}"
        )


def pick(arrays: Arrays, rows: Rows) -> dict[str, Array]:
    """Some rows of every column: a view where they are a range."""
    if isinstance(rows, range):
        return {name: values[rows.start : rows.stop] for name, values in arrays.items()}
    return {name: np.take(values, rows, axis=0) for name, values in arrays.items()}


def joined_columns(parts: Sequence[Arrays]) -> dict[str, Array]:
    """Concatenate every column."""
    if len(parts) == 1:
        return dict(parts[0])
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def as_batch(arrays: Arrays) -> Batch:
    """Numbers as tensors that share their memory, text as lists."""
    return {
        name: values.astype("U").tolist() if name in TEXT else torch.from_numpy(values)
        for name, values in arrays.items()
    }
