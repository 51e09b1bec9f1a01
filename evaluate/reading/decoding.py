"""Shards as arrays, decoded by threads: into memory, or once and for all into a cache of npy files.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from threading import get_ident
from typing import Any, BinaryIO, Self

import numpy as np
import pyarrow as pa
from numpy.lib import format as npy
from numpy.typing import NDArray

from ...schemas import ChecksumMismatch, Manifest, Release
from ...schemas.manifest import Shard
from ...schemas.records import RELEASED, vectors_to_numpy
from ...schemas.release import sha256_once
from ...schemas.shards import Part, parts
from .images import decode_images

Array = NDArray[Any]
Arrays = Mapping[str, Array]
BEGUN = 60  # seconds
TEXT = ("sample_id", "image_id", "subject")


def layout(manifest: Manifest, column: str) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape of one record's value, and number type.

    activation C H W float16, task_logits K float32, input 3 S S uint8, query int32, labels int64;
    ids are 32 bytes of ASCII.
    """
    side = manifest.dataset.image_size
    layouts: dict[str, tuple[tuple[int, ...], str]] = {
        "activation": (manifest.client.activation_shape, "float16"),
        "task_logits": ((len(manifest.task.classes),), "float32"),
        "input": ((3, side, side), "uint8"),
        "query": ((), "int32"),
        "task": ((), "int64"),
        "sensitive": ((), "int64"),
        **dict.fromkeys(TEXT, ((), "S32")),
    }
    shape, kind = layouts[column]
    return shape, np.dtype(kind)


@dataclass(frozen=True)
class Decoder:
    """Decodes `columns` of a release's shards, each checked by its SHA-256 before it is given out.

    With `cache`, a folder, a shard is decoded once and memory-mapped ever after. What the cache
    holds is found by the release's fingerprint, and of a rebuilt shard whose numbers are not those
    that were promised by its own hash, so no other records can be mistaken for it.
    """

    release: Release
    columns: tuple[str, ...]
    cache: Path | None

    def fetch(self, shard: Shard) -> None:
        """Have the shard at hand, so that `arrays` need not wait for it."""
        if not all(home and home.exists() for home in self._homes(shard).values()):
            self.release.located(shard)

    def arrays(self, shard: Shard, workers: "Workers") -> Arrays:
        """The columns of a shard, one array of N values each.

        They may be written into: what is in the cache stays as it is.
        """
        homes = self._homes(shard)
        known = {name: home for name, home in homes.items() if home and home.exists()}
        arrays: dict[str, Array] = {name: np.load(h, mmap_mode="c") for name, h in known.items()}
        with ExitStack() as kept:
            made = {
                name: kept.enter_context(_column(self._empty(shard, name), home, workers))
                for name, home in homes.items()
                if name not in known
            }
            if made:
                self._decode(shard, made, workers.decoding)
        return {name: arrays[name] if name in known else made[name].values for name in homes}

    def _empty(self, shard: Shard, name: str) -> Array:
        shape, kind = layout(self.release.manifest, name)
        return np.empty((shard.rows, *shape), kind)

    def _homes(self, shard: Shard) -> dict[str, Path | None]:
        """Where the cache keeps each column."""
        if self.cache is None:
            return dict.fromkeys(self.columns)
        whose = shard.content_sha256 if shard.promised else self.release.manifest.fingerprint
        folder = self.cache / whose[:32] / Path(shard.path).stem
        return {name: folder / f"{name}.npy" for name in self.columns}

    def _decode(self, shard: Shard, made: Mapping[str, "_Column"], pool: Executor) -> None:
        """Decode while the bytes are hashed; of wrong bytes nothing counts but that they are."""
        path = self.release.located(shard)
        digest = pool.submit(sha256_once, path)
        try:
            self._fill(path, shard, made, pool)
        except Exception:
            if digest.result() == shard.sha256:
                raise
        if digest.result() != shard.sha256:
            self._fill(self.release.mended(shard), shard, made, pool)

    def _fill(
        self, path: Path, shard: Shard, made: Mapping[str, "_Column"], pool: Executor
    ) -> None:
        cut = parts(path, self.release.manifest.records, tuple(made), shard.rows)
        starts = np.cumsum([0, *(part.rows for part in cut)]).tolist()
        if starts[-1] != shard.rows:
            raise ChecksumMismatch(
                f"{path}: expected {shard.rows} rows, but got {starts[-1]}; "
                "pull or generate the release again"
            )
        jobs = [pool.submit(_put, *job, made) for job in zip(cut, starts, strict=False)]
        for problem in [job.exception() for job in jobs]:  # all end before any is looked at
            if problem:
                raise problem


@dataclass(frozen=True)
class _Column:
    """The values of a shard's column in the making, and the file that keeps a copy, if any."""

    values: Array
    file: Path | None
    offset: int  # where the file's first value begins

    def keep(self, start: int, rows: int) -> None:
        """Copy rows that are decoded to their place in the file."""
        if self.file:
            with self.file.open("r+b") as stream:
                stream.seek(self.offset + start * self.values.strides[0])
                stream.write(self.values[start : start + rows].data.cast("B"))


@contextmanager
def _column(values: Array, home: Path | None, workers: "Workers") -> Iterator[_Column]:
    """Yield a column to be filled; on success what it keeps is given its name in the cache.

    Processes that keep the same column write to files of their own, each locked while it is being
    written: one that is not locked was left by a process that was killed, and is removed.
    """
    if home is None:
        yield _Column(values, None, 0)
        return
    home.parent.mkdir(parents=True, exist_ok=True)
    _sweep(home)
    temporary = home.with_name(f".{home.stem}.{os.getpid()}.{get_ident()}.partial")
    with ExitStack() as failed:
        stream = failed.enter_context(temporary.open("wb"))
        failed.callback(temporary.unlink, missing_ok=True)
        flock(stream, LOCK_EX)
        npy.write_array_header_1_0(stream, npy.header_data_from_array_1_0(values))
        stream.flush()
        yield _Column(values, temporary, stream.tell())
        failed.pop_all()
    workers.seal(stream, home)


def _sweep(home: Path) -> None:
    """Remove what killed processes left of the column that `home` is to hold.

    One that was begun a moment ago may not be locked yet.
    """
    for left in home.parent.glob(f".{home.stem}.*.partial"):
        with suppress(FileNotFoundError), left.open("rb") as stream, suppress(BlockingIOError):
            flock(stream, LOCK_EX | LOCK_NB)
            if time.time() - os.fstat(stream.fileno()).st_mtime > BEGUN:
                left.unlink()


class Workers:
    """Threads that decode, and one that waits for the disk; leaving waits for both."""

    def __init__(self, decoding: int) -> None:
        self.decoding = ThreadPoolExecutor(decoding + 1)  # one is busy with the hash
        self._sealing = ThreadPoolExecutor(1)
        self._sealed: list[Future[None]] = []

    def seal(self, written: BinaryIO, home: Path) -> None:
        """Sync a written file, then give it its name, in the background; it is closed at last."""
        self._sealed.append(self._sealing.submit(_seal, written, home))

    def __enter__(self) -> Self:
        """Start."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Wait; raise what went wrong in the background."""
        self.decoding.shutdown(cancel_futures=True)
        self._sealing.shutdown()
        for sealed in self._sealed:
            sealed.result()


def _seal(written: BinaryIO, home: Path) -> None:
    with written:
        os.fsync(written.fileno())
        Path(written.name).replace(home)


def _put(part: Part, start: int, made: Mapping[str, _Column]) -> None:
    places = {name: column.values[start : start + part.rows] for name, column in made.items()}
    copied = {name for name in made if name in RELEASED and part.copy(name, places[name])}
    if rest := [name for name in made if name not in copied]:
        table = part.table(rest)
        for name in rest:
            places[name][...] = _values(table.column(name), name, places[name])
    for column in made.values():
        column.keep(start, part.rows)


def _values(column: pa.ChunkedArray, name: str, array: Array) -> Array:
    if name in TEXT:
        return np.array(column.to_pylist(), array.dtype)
    if name == "input":
        return decode_images(column).numpy()
    if array.ndim > 1:
        return vectors_to_numpy(column, array.shape[1:])
    values: Array = column.to_numpy()
    return values
