"""CIFAR-10's official batches, binary or Python: 32 x 32 pixels in colour planes, class numbers.

The Python batches are pickles. They are never unpickled: their literals (numbers and strings) are
listed in order, which builds and calls nothing, and the labels and pixels are picked from the list.
"""

import pickletools
from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schemas import CorruptData, MissingData, SchemaMismatch
from . import Index
from ._files import ImageFiles, Source, digest

BATCHES = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch")
SIDE = 32
PIXELS = 3 * SIDE * SIDE
PPM_HEADER = f"P6 {SIDE} {SIDE} 255\n".encode()

# the opcodes by which Python 2's protocol 2 writes truth values, numbers and strings
FLAGS = {"NEWTRUE": True, "NEWFALSE": False}
LITERALS = {"SHORT_BINSTRING", "BINSTRING", "BININT", "BININT1", "BININT2"}


@dataclass(frozen=True)
class Batch:
    """Class numbers (N,) and pixels (N, 3072): the red plane, the green, the blue."""

    labels: NDArray[np.int64]
    pixels: NDArray[np.uint8]


class CifarBatches(ImageFiles):
    """The official download; the training batches come first, then the test batch."""

    def __init__(self, paths: list[Path], batches: list[Batch]) -> None:
        self.paths = paths
        self.pixels = np.concatenate([batch.pixels for batch in batches])
        self.index = _index(batches)

    @property
    def revision(self) -> str:
        """A digest of the batches."""
        return digest(self.paths)

    def read(self, row: int) -> bytes:
        """Return an image as PPM, its bare pixels behind a header."""
        planes = self.pixels[row].reshape(3, SIDE, SIDE)
        return b"".join((PPM_HEADER, planes.transpose(1, 2, 0).tobytes()))


def _index(batches: list[Batch]) -> Index:
    names = np.repeat(BATCHES, [len(batch.labels) for batch in batches])
    keys = [
        f"{name}/{row}"
        for name, batch in zip(BATCHES, batches, strict=True)
        for row in range(len(batch.labels))
    ]
    labels = np.concatenate([batch.labels for batch in batches])
    return Index(keys, keys, {"class": labels}, official_test=names == "test_batch")


def find_batches(source: Source, classes: tuple[str, ...]) -> CifarBatches | None:
    """Read the official download where `source` is one; None where it is something else."""
    for folder, suffix, names, read_names, read_batch in VERSIONS:
        found = source.holding(folder)
        if found is not None:
            _check_names(_present(found / names), read_names, classes)
            paths = [_present(found / f"{batch}{suffix}") for batch in BATCHES]
            return CifarBatches(paths, [_checked(read_batch, path) for path in paths])
    return None


def _present(path: Path) -> Path:
    if not path.is_file():
        raise MissingData(f"{path}: this file of CIFAR-10 is missing; unpack the download again")
    return path


def _check_names(
    path: Path, read: Callable[[Path], tuple[str, ...]], classes: tuple[str, ...]
) -> None:
    names = read(path)
    if names != classes:
        raise SchemaMismatch(f"{path}: expected the class names {classes}, but got {names}")


def _checked(read: Callable[[Path], Batch], path: Path) -> Batch:
    batch = read(path)
    if not len(batch.labels) or not np.isin(batch.labels, range(10)).all():
        raise CorruptData(f"{path}: expected class numbers 0 to 9; unpack the download again")
    return batch


def _read_binary_names(path: Path) -> tuple[str, ...]:
    return tuple(path.read_text("ascii", "replace").split())


def _read_binary(path: Path) -> Batch:
    content = np.fromfile(path, np.uint8)
    if content.size % (1 + PIXELS):
        raise CorruptData(
            f"{path}: expected records of {1 + PIXELS} bytes, but got {content.size} bytes in all; "
            "unpack the download again"
        )
    records = content.reshape(-1, 1 + PIXELS)
    return Batch(records[:, 0].astype(np.int64), records[:, 1:])


def _read_python_names(path: Path) -> tuple[str, ...]:
    literals = _literals(path)
    start = literals.index("label_names") + 1 if "label_names" in literals else len(literals)
    return tuple(str(literal) for literal in literals[start : start + 10])


def _read_python(path: Path) -> Batch:
    """Pick a batch from its literals: …, "labels", 6, 9, …, "data", …, Fortran order?, pixels, …"""
    literals = _literals(path)
    start = literals.index("labels") + 1 if "labels" in literals else len(literals)
    labels = list(takewhile(lambda literal: type(literal) is int, literals[start:]))
    size = PIXELS * len(labels)
    found = [at for at, x in enumerate(literals) if isinstance(x, str) and len(x) == size > 0]
    if len(found) != 1:
        raise SchemaMismatch(
            f"{path}: expected an official Python batch of CIFAR-10; unpack the download again, "
            "or give the binary version (cifar-10-batches-bin)"
        )
    fortran, pixels = literals[found[0] - 1], str(literals[found[0]]).encode("latin-1")
    planes = np.frombuffer(pixels, np.uint8).reshape(
        (len(labels), PIXELS), order="F" if fortran is True else "C"
    )
    return Batch(np.array(labels, np.int64), planes)


def _literals(path: Path) -> list[Any]:
    """List the numbers, strings and truth values of a pickle in order, and run none of it."""
    try:
        return [
            FLAGS.get(opcode.name, argument)
            for opcode, argument, _ in pickletools.genops(path.read_bytes())
            if opcode.name in LITERALS or opcode.name in FLAGS
        ]
    except ValueError as problem:
        raise CorruptData(f"{path} is cut off or no CIFAR-10 batch ({problem})") from problem


VERSIONS = (
    ("cifar-10-batches-bin", ".bin", "batches.meta.txt", _read_binary_names, _read_binary),
    ("cifar-10-batches-py", "", "batches.meta", _read_python_names, _read_python),
)
