"""Reading: rows per second of batches of float16 tensors, 112 x 112, layer1 (100 KB a record).

All sides give the same 64 activations a batch and are consumed alike: copied into one buffer. Our
first epoch checks every shard's SHA-256 and fills the cache that later epochs are mapped from.
"""

import io
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import Tensor

from ..evaluate.reader import SplitReader, open_release
from ..generate import generate
from ..schemas import Config, LeakboardError
from ..schemas.records import vectors_to_numpy
from . import Case

IMAGES = 4000
SPLIT = "defender"  # .45 of the images
SHARD_BYTES = 64 * 2**20
BATCH = 64
REPEATS = 3  # the fastest counts, on every side
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

Batches = Iterable[Tensor]


def run() -> dict[str, Case]:
    """First and later epochs beside `datasets`, `webdataset` and bare `pyarrow`."""
    with TemporaryDirectory() as folder:
        release, tar = _release(Path(folder))
        shards = [str(release / shard.path) for shard in open_release(release, SPLIT).shards]
        first = _fastest(lambda number: _ours(release, Path(folder) / f"cache-{number}"))
        later = _fastest(lambda _: _ours(release, Path(folder) / "cache-0"))
        uncached = _fastest(lambda _: _ours(release, None))
        streaming = _fastest(lambda _: _datasets(shards, streaming=True, folder=folder))
        mapped = _fastest(lambda _: _datasets(shards, streaming=False, folder=folder))
        web = _fastest(lambda _: _webdataset(tar))
        bare = _fastest(lambda _: _parquet(shards))
    unfilled = f"; without filling the cache ours reads {uncached:.0f} rows/s"
    about_datasets = "datasets, streaming, torch format, batches made float16"
    about_web = "webdataset, default decoding, one process, of an uncompressed tar of npy"
    measured = {
        "datasets-first": (first, streaming, f"{about_datasets}{unfilled}"),
        "webdataset-first": (first, web, f"{about_web}{unfilled}"),
        "parquet-first": (first, bare, f"pyarrow.parquet.read_table, shard by shard{unfilled}"),
        "datasets-later": (later, streaming, about_datasets),
        "datasets-mapped-later": (later, mapped, "datasets, its memory-mapped Arrow cache"),
        "webdataset-later": (later, web, about_web),
    }
    return {
        name: Case.of(ours, baseline, "rows/s", about)
        for name, (ours, baseline, about) in measured.items()
    }


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
        table = pq.read_table(path, columns=["activation"])
        values = torch.from_numpy(vectors_to_numpy(table.column("activation"), SHAPE).copy())
        yield from values.split(BATCH)


def _fastest(batches: Callable[[int], Batches]) -> float:
    """Rows per second of the fastest of a few passes, each consumed into one buffer."""
    return max(_rate(batches(number)) for number in range(REPEATS))


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
