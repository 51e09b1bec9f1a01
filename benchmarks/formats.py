"""Formats: what the shards' encoding costs in bytes and seconds, beside the other encodings.

Activations of an untrained ResNet-18 client at 112 x 112, layer1, on synthetic faces, undefended
and with 60 % of the channels pruned. Every encoding is lossless, and must return the same bits.
"""

import io
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ..evaluate.threads import threads
from ..schemas import LeakboardError, RecordSchema
from ..schemas.records import vectors_to_arrow
from ..schemas.shards import PARQUET, ROW_GROUP
from . import Case
from ._activations import activations

RECORDS = 512
REPEATS = 3  # the fastest counts, on every side
OURS: Mapping[str, Any] = {**PARQUET, "row_group_size": ROW_GROUP}
ALTERNATIVES: Mapping[str, Mapping[str, Any]] = {
    "byte-split": {"use_byte_stream_split": ["activation.list.element"]},
    "zstd-3": {"compression_level": 3},
    "zstd-9": {"compression_level": 9},
    "gzip-1": {"compression": "gzip"},
    "brotli-1": {"compression": "brotli"},
    "lz4": {"compression": "lz4", "compression_level": None},
    "groups-of-64": {"row_group_size": 64},
}
DEFENSES: Mapping[str, Mapping[str, Any]] = {"none": {}, "random_pruning": {"ratio": 0.6}}

Half = NDArray[np.float16]


def run() -> dict[str, Case]:
    """Bytes of both kinds of activation, and the seconds to write and read the undefended ones."""
    cases: dict[str, Case] = {}
    with threads(1), TemporaryDirectory() as folder:
        for defense, options in DEFENSES.items():
            values = activations(defense, options, RECORDS)
            cases |= _compare(defense, values, Path(folder))
    return cases


def _compare(defense: str, values: Half, folder: Path) -> dict[str, Case]:
    table, raw = _table(values), values.nbytes
    size, write, read = _measure(table, folder / "ours.parquet", OURS)
    others = {"npz": ("one compressed npz per record, as in WebDataset", _measure_npz(values))}
    for name, changed in ALTERNATIVES.items():
        path = folder / f"{name}.parquet"
        measured = _measure(table, path, {**OURS, **changed})
        others[name] = (f"Parquet with {changed}; DuckDB {_duckdb_reads(path)}", measured)
    cases = {}
    for name, (about, (other_size, other_write, other_read)) in others.items():
        about, key = f"{defense}: {about}", f"{name}-{defense}"
        cases[f"{key}-bytes"] = Case.of(size / raw, other_size / raw, "of raw", about, True)
        cases[f"{key}-write"] = Case.of(raw / write / 1e6, raw / other_write / 1e6, "MB/s", about)
        cases[f"{key}-read"] = Case.of(raw / read / 1e6, raw / other_read / 1e6, "MB/s", about)
    return cases


def _duckdb_reads(path: Path) -> str:
    """Say whether DuckDB, and with it the Hub's viewer, can read a file."""
    try:
        duckdb.read_parquet(str(path)).limit(1).fetchall()
    except duckdb.Error:
        return f"{duckdb.__version__} refuses it"
    return f"{duckdb.__version__} reads it"


def _table(values: Half) -> pa.Table:
    shape = values.shape[1:]
    schema = RecordSchema((shape[0], shape[1], shape[2]), ("no", "yes"), ("a", "b"))
    arrow = schema.arrow(("activation",))
    return pa.table([vectors_to_arrow(values, arrow.field(0))], schema=arrow)


def _measure(table: pa.Table, path: Path, options: Mapping[str, Any]) -> tuple[int, float, float]:
    """Bytes, seconds to write and to read; raises where the bits do not come back."""
    write = _seconds(partial(pq.write_table, table, path, **options))
    if not pq.read_table(path).equals(table):
        raise LeakboardError(f"{path.name}: the records do not come back as they were")
    return path.stat().st_size, write, _seconds(partial(pq.read_table, path, use_threads=False))


def _measure_npz(values: Half) -> tuple[int, float, float]:
    """The same for one compressed npz per record, as WebDataset shards hold."""

    def pack() -> list[bytes]:
        return [_npz(value) for value in values]

    def unpack() -> Half:
        return np.stack([np.load(io.BytesIO(content))["activation"] for content in packed])

    packed = pack()
    if unpack().tobytes() != values.tobytes():
        raise LeakboardError("npz: the records do not come back as they were")
    return sum(map(len, packed)), _seconds(pack), _seconds(unpack)


def _npz(value: Half) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, activation=value)
    return buffer.getvalue()


def _seconds(work: Callable[[], object]) -> float:
    """Processor seconds of the fastest of a few runs."""
    taken = []
    for _ in range(REPEATS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)
