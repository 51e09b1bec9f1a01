"""Files: written to a temporary name, synced, then renamed; checked by SHA-256."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import CorruptData, MissingData

HALF_WRITTEN = ".*.partial"  # what a killed process leaves of a file that it was writing


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success sync it and give it its name.

    On any exception, Ctrl-C included, the temporary file is removed and `path` is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.partial")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Write a whole UTF-8 file atomically."""
    write_bytes(path, content.encode())


def sha256_of(path: Path) -> str:
    """Hash a file without reading it into memory."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_json(path: Path) -> Any:
    """Parse a JSON file of a release; `MissingData` or `CorruptData` names it."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise MissingData(f"{path} is missing; pull or generate the release again") from None
    except ValueError as problem:
        raise CorruptData(f"{path} is not JSON: {problem}") from None
