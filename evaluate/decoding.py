"""Shards as arrays, decoded by threads: into memory, or once and for all into a cache of npy files.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

import os
from collections.abc import Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import get_ident
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..schemas import ChecksumMismatch, Manifest, Release
from ..schemas.manifest import Shard
from ..schemas.records import vectors_to_numpy
from ..schemas.shards import Part, parts
from .images import decode_images

Array = NDArray[Any]
Arrays = Mapping[str, Array]
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
    holds is found by the release's fingerprint, so no other release's records can be mistaken.
    """

    release: Release
    columns: tuple[str, ...]
    cache: Path | None

    def arrays(self, shard: Shard, workers: "Workers") -> Arrays:
        """The columns of a shard, one array of N values each.

        They may be written into: what is in the cache stays as it is.
        """
        homes = {name: self._home(shard, name) for name in self.columns if self.cache}
        known = {name: home for name, home in homes.items() if home.exists()}
        arrays: dict[str, Array] = {name: np.load(h, mmap_mode="c") for name, h in known.items()}
        made = {name: self._empty(shard, name) for name in self.columns if name not in known}
        if made:
            self._decode(shard, made, workers.decoding)
        for name, home in homes.items():
            if name in made:
                _keep(home, made[name], workers)
        return {name: (made | arrays)[name] for name in self.columns}

    def _empty(self, shard: Shard, name: str) -> Array:
        shape, kind = layout(self.release.manifest, name)
        return np.empty((shard.rows, *shape), kind)

    def _home(self, shard: Shard, name: str) -> Path:
        assert self.cache is not None
        folder = self.cache / self.release.manifest.fingerprint[:32]
        return folder / Path(shard.path).stem / f"{name}.npy"

    def _decode(self, shard: Shard, arrays: Mapping[str, Array], pool: Executor) -> None:
        path, columns = self.release.located(shard), tuple(arrays)
        checked = pool.submit(self.release.checked, shard)
        try:
            cut = parts(path, self.release.manifest.records, columns, shard.rows)
            starts = np.cumsum([0, *(part.rows for part in cut)]).tolist()
            if starts[-1] != shard.rows:
                raise ChecksumMismatch(
                    f"{path}: expected {shard.rows} rows, but got {starts[-1]}; "
                    "pull or generate the release again"
                )
            jobs = [
                pool.submit(_put, part, arrays, start)
                for part, start in zip(cut, starts, strict=False)
            ]
            for job in jobs:
                job.result()
        finally:
            checked.result()  # wrong bytes are said to be wrong before anything that follows


class Workers:
    """Threads that decode, and one that waits for the disk; leaving waits for both."""

    def __init__(self, decoding: int) -> None:
        self.decoding = ThreadPoolExecutor(decoding)
        self._sealing = ThreadPoolExecutor(1)
        self._sealed: list[Future[None]] = []

    def seal(self, temporary: Path, home: Path) -> None:
        """Sync a written file, then give it its name, in the background."""
        self._sealed.append(self._sealing.submit(_seal, temporary, home))

    def __enter__(self) -> Self:
        """Start."""
        return self

    def __exit__(self, *problem: object) -> None:
        """Wait; raise what went wrong in the background."""
        self.decoding.shutdown(cancel_futures=True)
        self._sealing.shutdown()
        for sealed in self._sealed:
            sealed.result()


def _keep(home: Path, values: Array, workers: Workers) -> None:
    """Write an array beside its name in the cache; processes that keep the same do not meet."""
    home.parent.mkdir(parents=True, exist_ok=True)
    temporary = home.with_name(f".{home.stem}.{os.getpid()}.{get_ident()}.partial")
    with temporary.open("wb") as stream:
        np.save(stream, values)
    workers.seal(temporary, home)


def _seal(temporary: Path, home: Path) -> None:
    with temporary.open("rb") as written:
        os.fsync(written.fileno())
    temporary.replace(home)


def _put(part: Part, arrays: Mapping[str, Array], start: int) -> None:
    table = part.read()
    for name, array in arrays.items():
        array[start : start + part.rows] = _values(table.column(name), name, array)


def _values(column: pa.ChunkedArray, name: str, array: Array) -> Array:
    if name in TEXT:
        return np.array(column.to_pylist(), array.dtype)
    if name == "input":
        return decode_images(column).numpy()
    if array.ndim > 1:
        return vectors_to_numpy(column, array.shape[1:])
    values: Array = column.to_numpy()
    return values
