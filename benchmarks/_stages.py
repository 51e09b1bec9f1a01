"""The stages of the generator, each run alone: the floor of `leakboard bench generate`.

Images are JPEG of the network's size, in memory; the networks are an untrained ResNet-18, split
after layer1, and random pruning.
"""

import io
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from PIL import Image

from ..evaluate.threads import threads
from ..generate.datasets import Index
from ..generate.datasets._files import FileDataset, ImageFiles
from ..generate.datasets.synthetic import Synthetic
from ..generate.engine import Engine, batches
from ..generate.networks.networks import seeded, split_network
from ..generate.plan import PlannedRecord
from ..generate.writer import GROUP, Slice
from ..schemas import RecordSchema, public_columns
from ..schemas.config import ClientTable
from ..schemas.files import sha256_of
from ..schemas.shards import ContentHash, shard_writer
from ._activations import client

DRAWN = 512  # images; the records beyond show them again
TASK, SENSITIVE, SPLIT = "smiling", "gender", "auxiliary"
COLUMNS = public_columns(SPLIT)


class _Jpegs(ImageFiles):
    """JPEG files in memory."""

    revision = "bench"

    def __init__(self, contents: Sequence[bytes], index: Index) -> None:
        self.contents = contents
        self.index = index

    def read(self, row: int) -> bytes:
        """Return a JPEG file."""
        return self.contents[row % len(self.contents)]


def engine_of(size: int, count: int) -> Engine:
    """The generator's engine on `count` JPEG images of `size` pixels."""
    faces = Synthetic(source=None, size=size, images=DRAWN, identities=DRAWN)
    rows = np.arange(count) % DRAWN
    keys = [f"image-{row}" for row in range(count)]
    labels = {name: values[rows] for name, values in faces.index.labels.items()}
    files = _Jpegs(
        [_jpeg(pixels) for pixels in faces.images(range(DRAWN))], Index(keys, keys, labels)
    )
    sender = client(size, "random_pruning", {"ratio": 0.6})
    with seeded(0):
        task_network = split_network(ClientTable(), classes=2).task_network
    schema = RecordSchema(sender.defense.shape, faces.classes(TASK), faces.classes(SENSITIVE))
    frozen = task_network.eval().requires_grad_(False)
    return Engine(FileDataset(files, size), TASK, SENSITIVE, sender, frozen, schema)


def _jpeg(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def slices_of(count: int, shards: int) -> list[Slice]:
    """Plan `count` records in as many equal shards."""
    records = [
        PlannedRecord(f"{row:032x}", f"{row:032x}", 0, f"{row:032x}", row, row)
        for row in range(count)
    ]
    rows = count // shards
    cut = [records[start : start + rows] for start in range(0, count, rows)]
    return [Slice(SPLIT, number, shards, part) for number, part in enumerate(cut)]


@dataclass(frozen=True)
class Profile:
    """Core-seconds per record of each stage, measured alone on all `cores`."""

    cores: int
    seconds: dict[str, float]

    @property
    def rate(self) -> float:
        """Rows per second that `cores` which never wait would reach."""
        return self.cores / sum(self.seconds.values())

    @property
    def about(self) -> str:
        """The stages in microseconds a record, and which of them limits."""
        spent = ", ".join(f"{name} {1e6 * one:.0f}" for name, one in self.seconds.items())
        most = max(self.seconds, key=self.seconds.__getitem__)
        return f"{self.cores} cores over the µs of the stages: {spent}; {most} limits"

    def least(self, other: "Profile") -> "Profile":
        """Keep the faster of two measurements of each stage."""
        return Profile(
            self.cores, {name: min(one, other.seconds[name]) for name, one in self.seconds.items()}
        )


def profile(engine: Engine, slices: Sequence[Slice], folder: Path) -> Profile:
    """Run each stage alone over all records, on as many threads as torch has."""
    alone = _Alone(torch.get_num_threads(), sum(len(part.records) for part in slices))
    groups = [batch for part in slices for batch in batches(part.records)]
    seeds = [[record.noise_seed for record in batch] for batch in groups]
    encoded, images = zip(*alone.run("decode", engine.decoded, groups), strict=True)
    sent = alone.run("client and defense", engine.activations, images, seeds)
    logits = alone.run("task network", engine.logits, sent)
    made = list(zip(groups, encoded, sent, logits, strict=True))
    each = len(made) // len(slices)
    shards = [made[start : start + each] for start in range(0, len(made), each)]
    paths = [folder / f"{number}.parquet" for number in range(len(shards))]
    tables = alone.run("encode and write", partial(_encode, engine), paths, shards)
    alone.run("hash", partial(_hash, engine), paths, [part.records for part in slices], tables)
    return Profile(alone.cores, alone.seconds)


@dataclass
class _Alone:
    """Runs one stage at a time and keeps its core-seconds per record."""

    cores: int
    count: int
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, name: str, step: Callable[..., Any], *inputs: Iterable[Any]) -> list[Any]:
        """Run a step over its inputs on all cores."""
        with threads(1), ThreadPoolExecutor(self.cores) as pool:
            start = time.perf_counter()
            made = list(pool.map(step, *inputs))
            self.seconds[name] = (time.perf_counter() - start) * self.cores / self.count
        return made


def _encode(engine: Engine, path: Path, made: Sequence[Any]) -> list[pa.Table]:
    """Write a shard of ready batches; returns its row groups."""
    groups = []
    with shard_writer(path, engine.schema, COLUMNS) as append:
        for start in range(0, len(made), GROUP):
            tables = [engine.arrow(*batch) for batch in made[start : start + GROUP]]
            groups.append(pa.concat_tables(tables).combine_chunks().select(COLUMNS))
            append(groups[-1].replace_schema_metadata(engine.schema.arrow(COLUMNS).metadata))
    return groups


def _hash(
    engine: Engine, path: Path, records: Sequence[PlannedRecord], tables: Sequence[pa.Table]
) -> str:
    content = ContentHash(engine.identifiers(records))
    for table in tables:
        content.update(table)
    return content.hexdigest() + sha256_of(path)
