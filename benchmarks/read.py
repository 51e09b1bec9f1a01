"""Reading: rows per second of batches of float16 tensors, 112 x 112, layer1 (100 KB a record).

All sides give the same 64 activations a batch and are consumed alike: copied into one buffer. Our
first epoch checks every shard's SHA-256, each time anew; `filling` is a first epoch that also fills
the cache which later epochs are mapped from. No side reads from the disk: the files were just made.
"""

import io
import os
import shutil
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from ..evaluate.reading.reader import SplitReader, open_release
from ..generate import generate
from ..schemas import Config, LeakboardError
from . import Case
from ._streaming import BATCH, REPEATS, over_http

IMAGES = 4000
SPLIT = "defender"  # .45 of the images
SHARD_BYTES = 64 * 2**20
SHAPE = (64, 28, 28)
RECIPE = {
    "name": "bench-read",
    "scale": "smoke",
    "dataset": {
        "name": "synthetic",
        "task": "smiling",
        "sensitive": "gender",
        "size": 112,
        "images": IMAGES,
    },
    "client": {"network": "resnet18", "split_layer": "layer1"},
    "defense": {"name": "none"},
    "training": {"warmup_epochs": 0, "epochs": 0},
}

EPOCHS = ("first", "filling", "later")
BASELINES = {
    "datasets": ("datasets, streaming, torch format, batches made float16", EPOCHS),
    "datasets-mapped": ("datasets, its memory-mapped Arrow cache", ("later",)),
    "webdataset": ("webdataset, default decoding, of an uncompressed tar of npy", EPOCHS),
    "parquet": ("pyarrow.parquet.read_table, shard by shard", ("first", "filling")),
    "client": ("a download to a file by the HTTP library of the Hub's client", ("http",)),
    "urllib": ("a download to a file by Python's urllib", ("http",)),
}

Batches = Iterable[Tensor]


def run() -> dict[str, Case]:
    """First and later epochs beside `datasets`, `webdataset`, bare `pyarrow` and a download."""
    with TemporaryDirectory() as folder:
        release, tar = _release(Path(folder))
        rates = _rates(release, tar, Path(folder)) | over_http(release, SPLIT)
    return {
        f"{baseline}-{epoch}": Case.of(rates[epoch], rates[baseline], "rows/s", about)
        for baseline, (about, epochs) in BASELINES.items()
        for epoch in epochs
    }


def _rates(release: Path, tar: Path, folder: Path) -> dict[str, float]:
    """Rows per second of the fastest pass of each side; the sides take turns."""
    shards = [str(release / shard.path) for shard in open_release(release, SPLIT).shards]
    sides: dict[str, Callable[[Path], Batches]] = {
        "first": lambda fresh: _ours(fresh, None),
        "filling": lambda fresh: _ours(fresh, fresh / "cache"),
        "later": lambda fresh: _ours(fresh, folder / "cache"),
        "datasets": lambda _: _datasets(shards, streaming=True, folder=str(folder)),
        "datasets-mapped": lambda _: _datasets(shards, streaming=False, folder=str(folder)),
        "webdataset": lambda _: _webdataset(tar),
        "parquet": lambda _: _parquet(shards),
    }
    rates: dict[str, float] = {}
    for number in range(REPEATS):
        for name, side in sides.items():
            fresh = folder / f"{name}-{number}"
            shutil.copytree(release, fresh, copy_function=os.link)
            rates[name] = max(rates.get(name, 0.0), _rate(side(fresh)))
            shutil.rmtree(fresh)
    return rates


def _release(folder: Path) -> tuple[Path, Path]:
    """A release of untrained networks, and the same activations as npy in one tar."""
    release = folder / "release"
    generate(Config.parse(RECIPE, "bench read"), release, shard_bytes=SHARD_BYTES)
    tar = folder / "uncompressed.tar"
    with tarfile.open(tar, "w") as archive:
        for number, value in enumerate(_activations(open_release(release, SPLIT))):
            buffer = io.BytesIO()
            np.save(buffer, value.numpy())
            member = tarfile.TarInfo(f"{number:06d}.activation.npy")
            member.size = buffer.tell()
            buffer.seek(0)
            archive.addfile(member, buffer)
    return release, tar


def _activations(reader: SplitReader) -> Iterator[Tensor]:
    for batch in reader.batches(BATCH):
        yield from batch["activation"]  # type: ignore[misc]


def _ours(release: Path, cache: Path | None) -> Batches:
    reader = open_release(release, SPLIT, ("activation",), cache=cache)
    for batch in reader.batches(BATCH):
        values = batch["activation"]
        assert isinstance(values, Tensor)
        yield values


def _datasets(shards: list[str], streaming: bool, folder: str) -> Batches:
    import datasets

    datasets.disable_progress_bars()
    loaded = datasets.load_dataset(
        "parquet",
        data_files=shards,
        split="train",
        streaming=streaming,
        cache_dir=f"{folder}/datasets",
        columns=["activation"],
    )
    kind = {} if streaming else {"dtype": torch.float16}
    for batch in loaded.with_format("torch", **kind).iter(batch_size=BATCH):
        yield batch["activation"].half().view(-1, *SHAPE)


def _webdataset(tar: Path) -> Batches:
    import webdataset

    samples = webdataset.WebDataset(str(tar), shardshuffle=False).decode()
    for (values,) in samples.to_tuple("activation.npy").batched(BATCH):
        yield torch.as_tensor(values)


def _parquet(shards: list[str]) -> Batches:
    for path in shards:
        for chunk in pq.read_table(path, columns=["activation"]).column("activation").chunks:
            yield from from_dlpack(chunk.flatten()).view(-1, *SHAPE).split(BATCH)


def _rate(batches: Batches) -> float:
    buffer = torch.empty(BATCH, *SHAPE, dtype=torch.float16)
    rows = 0
    start = time.perf_counter()
    for values in batches:
        if values.dtype != torch.float16 or values.shape[1:] != SHAPE:
            raise LeakboardError(f"a side gives {values.dtype} {tuple(values.shape)}")
        buffer[: len(values)].copy_(values)
        rows += len(values)
    return rows / (time.perf_counter() - start)
