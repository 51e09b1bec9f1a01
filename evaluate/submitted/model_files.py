"""Which files are models that are run, told by their bytes and whatever their names say."""

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from ...schemas import BadModel, MissingData

Kind = Literal["onnx", "safetensors"]
LARGEST = 2**29  # bytes of a model
HEAD, TAIL = 64, 2**16  # bytes that are looked at to tell what a file is
ACCEPTED = "send an ONNX file (.onnx), or weights of an architecture of ours (.safetensors)"
PICKLE = "it is a pickle, and reading one runs whatever code it carries"
# How a file begins, and why it is not opened, whatever its name says.
REFUSED_STARTS: tuple[tuple[bytes, str], ...] = (
    *((bytes([0x80, protocol]), PICKLE) for protocol in range(2, 6)),
    (b"\x89HDF", "it is an HDF5 file, whose layers may be code (Keras, Lambda)"),
    (b"\x1f\x8b", "it is compressed (gzip), and may be of any size"),
    (b"BZh", "it is compressed (bzip2), and may be of any size"),
    (b"\xfd7zXZ", "it is compressed (xz), and may be of any size"),
    (b"\x28\xb5\x2f\xfd", "it is compressed (zstd), and may be of any size"),
    (b"7z\xbc\xaf", "it is an archive (7z), and may be of any size"),
    (b"\x93NUMPY", "it is an array of NumPy, which may hold pickles"),
    (b"\x7fELF", "it is a program"),
    (b"#!", "it is a program"),
)
# What the end of a zip file lists, and which format that gives away.
ZIP_CONTENTS: tuple[tuple[bytes, str], ...] = (
    (b"constants.pkl", "it is TorchScript, which is a program and unpickles data"),
    (b"models/model.json", "it is a .pt2 program: its reader unpickles data and evaluates text"),
    (b"data.pkl", f"it was written by torch.save: {PICKLE}"),
    (b".npy", "it is an archive of NumPy arrays, which may hold pickles"),
)
ARCHIVE = "it is an archive (zip), and may unpack to any size"


def copy_model(path: Path, copy: Path) -> Kind:
    """Copy a model that is run, and tell which kind it is; `BadModel` says why another is not.

    Nothing is parsed.
    """
    size = copy_plain(path, copy)
    with copy.open("rb") as file:
        head = file.read(HEAD)
        file.seek(max(0, size - TAIL))
        return _kind(path, head, file.read())


def copy_plain(path: Path, copy: Path) -> int:
    """Copy a plain file, and return its size in bytes; `BadModel` for a link, a pipe, a device.

    A link is not followed and a second name of a file is refused: who submits a folder could have
    linked what only the organiser may read.
    """
    with _opened(path) as file, copy.open("wb") as copied:
        shutil.copyfileobj(file, copied)
        return copied.tell()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        raise MissingData(f"{path}: there is no such file") from None
    except OSError as problem:  # a symbolic link
        reason = (problem.strerror or "").lower()
        raise BadModel(f"{path}: cannot be opened as a file ({reason}); {ACCEPTED}") from None
    try:
        _refuse_no_plain_file(path, os.fstat(handle))
        with open(handle, "rb", closefd=False) as file:
            yield file
    finally:
        os.close(handle)


def _refuse_no_plain_file(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise BadModel(f"{path}: is no plain file; {ACCEPTED}")
    if status.st_nlink > 1:
        raise BadModel(f"{path}: is a hard link, the file has another name; send a copy of it")
    if status.st_size > LARGEST:
        raise BadModel(
            f"{path}: has {status.st_size} bytes, but {LARGEST} are the most that is run; store "
            "the weights as float16"
        )


def _kind(path: Path, head: bytes, tail: bytes) -> Kind:
    reason = _refusal(head, tail)
    if reason is None and path.suffix == ".onnx":
        return "onnx"
    if reason is None and path.suffix == ".safetensors":
        return "safetensors"
    raise BadModel(f"{path}: {reason or 'its name is not that of a model'}; {ACCEPTED}")


def _refusal(head: bytes, tail: bytes) -> str | None:
    if head.startswith(b"PK"):
        return next((reason for name, reason in ZIP_CONTENTS if name in tail), ARCHIVE)
    return next((reason for start, reason in REFUSED_STARTS if head.startswith(start)), None)
