"""Generating: records per second from encoded images to hashed shards on disk.

The floor is what the stages' own work allows: the cores over the sum of decode, client and
defense, task network, encode and write, and hash, in core-seconds; each is measured alone on all
cores, by the same clock. All sides take turns, and the fastest round of each counts.
"""

import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from ..generate.datasets import decode
from ..generate.engine import BATCH, Engine, batches, to_unit_range
from ..generate.noise import RecordNoise
from ..generate.writer import Slice, Writer
from . import Case
from ._stages import SENSITIVE, TASK, Profile, engine_of, profile, slices_of

COUNTS = {112: 1024, 32: 4096}  # records
SHARDS = 4
ROUNDS = 2
BARE = f"client and defense alone, on ready images, in batches of {BATCH}"
PLAIN = "a DataLoader, the networks as PyTorch lays them out, Dataset.from_generator, to_parquet"


def run() -> dict[str, Case]:
    """The floor at 112 and at 32 pixels; at 112 the bare forward and the plain way too."""
    large = _measured(112, {"ours": _ours, "bare": _bare, "plain": _plain})
    small = _measured(32, {"ours": _ours})
    ours = large.rates["ours"]
    return {
        "floor-112": large.beside_the_floor(),
        "floor-32": small.beside_the_floor(),
        "forward-112": Case.of(ours, large.rates["bare"], "rows/s", BARE),
        "plain-112": Case.of(ours, large.rates["plain"], "rows/s", PLAIN),
    }


@dataclass
class _Measured:
    """The fastest rounds so far: rows per second of each side, the stages, and our busy share."""

    rates: dict[str, float]
    busy: float = 0.0
    stages: Profile | None = None

    def beside_the_floor(self) -> Case:
        """Compare our end-to-end rate with what the stages allow."""
        assert self.stages is not None
        about = f"{self.stages.about}; ours kept the cores {self.busy:.0%} busy"
        return Case.of(self.rates["ours"], self.stages.rate, "rows/s", about)


Side = Callable[[Engine, list[Slice], Path], None]


def _measured(size: int, sides: dict[str, Side]) -> _Measured:
    count = COUNTS[size]
    engine, slices = engine_of(size, count), slices_of(count, SHARDS)
    best = _Measured(dict.fromkeys(sides, 0.0))
    for _ in range(ROUNDS):
        for name, side in sides.items():
            with TemporaryDirectory() as folder:
                start, spent = time.perf_counter(), time.process_time()
                side(engine, slices, Path(folder))
                wall, spent = time.perf_counter() - start, time.process_time() - spent
            if count / wall > best.rates[name]:
                best.rates[name] = count / wall
                best.busy = spent / wall / torch.get_num_threads() if name == "ours" else best.busy
        with TemporaryDirectory() as folder:
            stages = profile(engine, slices, Path(folder))
        best.stages = stages.least(best.stages) if best.stages else stages
    return best


def _ours(engine: Engine, slices: list[Slice], folder: Path) -> None:
    Writer(engine, {"parquet": folder}, folder, shard_bytes=0).write(slices)


def _bare(engine: Engine, slices: list[Slice], folder: Path) -> None:
    """Client and defense alone, on one batch that lies ready, again and again."""
    ready = next(batches(slices[0].records))
    images = to_unit_range(engine.dataset.images([record.row for record in ready]))
    noise = RecordNoise([record.noise_seed for record in ready])
    with torch.no_grad():
        for part in slices:
            for batch in batches(part.records):
                engine.client(images[: len(batch)], noise)


class _Images(torch.utils.data.Dataset[tuple[bytes, Tensor, int]]):
    """One image at a time, as tutorials show."""

    def __init__(self, engine: Engine, count: int) -> None:
        self.engine = engine
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> tuple[bytes, Tensor, int]:
        (content,) = self.engine.dataset.encoded([row])
        pixels = decode(content, self.engine.dataset.size)
        return content, torch.from_numpy(pixels.copy()).permute(2, 0, 1).float() / 255, row


def _plain(engine: Engine, slices: list[Slice], folder: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    count = sum(len(part.records) for part in slices)
    made = datasets.Dataset.from_generator(
        partial(_records, engine, count), cache_dir=str(folder), fingerprint="plain"
    )
    made.to_parquet(str(folder / "plain.parquet"))


def _records(engine: Engine, count: int) -> Iterator[dict[str, Any]]:
    client, task_network = (
        deepcopy(network).to(memory_format=torch.contiguous_format)
        for network in (engine.client, engine.task_network)
    )
    labels = engine.dataset.index.labels
    loader = torch.utils.data.DataLoader(
        _Images(engine, count), BATCH, num_workers=torch.get_num_threads()
    )
    for contents, images, rows in loader:
        with torch.no_grad():
            sent = client(images, RecordNoise(rows.tolist())).half()
            logits = task_network(sent.float())
        for place, row in enumerate(rows.tolist()):
            yield {
                "sample_id": f"{row:032x}",
                "activation": sent[place].numpy(),
                "task_logits": logits[place].numpy(),
                "input": contents[place],
                "task": int(labels[TASK][row]),
                "sensitive": int(labels[SENSITIVE][row]),
            }
