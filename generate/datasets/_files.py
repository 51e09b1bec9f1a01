"""Datasets that are read from files: where a source is, and what every layout of one offers."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...schemas import MissingData
from ...schemas.files import sha256_of
from . import Dataset, Index
from ._images import encoded_and_fitted, fitted


@dataclass(frozen=True)
class Source:
    """A folder that holds a dataset; `commit` where it is a snapshot of a Hub repository."""

    folder: Path
    commit: str | None = None

    def holding(self, name: str) -> Path | None:
        """Return the folder itself where it is called `name`, or its sub-folder of that name."""
        below = self.folder / name
        if below.is_dir():
            return below
        return self.folder if self.folder.resolve().name == name else None


class ImageFiles(ABC):
    """One layout of a dataset's files: an index, and the encoded images as they are stored."""

    index: Index

    @property
    @abstractmethod
    def revision(self) -> str:
        """A digest of the files, or the commit of the Hub repository."""

    @abstractmethod
    def read(self, row: int) -> bytes:
        """Return an encoded image, unchecked and of any size."""


class FileDataset(Dataset):
    """A dataset whose images are in files: each is checked and brought to `size` when read."""

    def __init__(self, files: ImageFiles, size: int) -> None:
        self.files = files
        self.index = files.index
        self.size = size

    @cached_property
    def revision(self) -> str:
        """A digest of the files, or the commit of the Hub repository."""
        return self.files.revision

    def encoded(self, rows: Sequence[int]) -> list[bytes]:
        """Give images as PNG or JPEG bytes; `CorruptData` names the key of a bad one."""
        return self.encoded_and_pixels(rows)[0]

    def encoded_and_pixels(self, rows: Sequence[int]) -> tuple[list[bytes], NDArray[np.uint8]]:
        """Read, check, fit and decode each image once."""
        contents, pixels = [], np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for place, row in enumerate(rows):
            content, image = encoded_and_fitted(self.files.read(row), self.size, self._name(row))
            contents.append(content)
            pixels[place] = np.asarray(image)
        return contents, pixels

    def digests(self, rows: Sequence[int]) -> list[str]:
        """SHA-256 of each image as the files hold it, of any size."""
        return [hashlib.sha256(self.files.read(row)).hexdigest() for row in rows]

    def images(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """Decode images to (N, size, size, 3) uint8 sRGB, the pixels of `encoded`."""
        pixels = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for place, row in enumerate(rows):
            image = fitted(self.files.read(row), self.size, self._name(row))
            pixels[place] = np.asarray(image)
        return pixels

    def _name(self, row: int) -> str:
        return f"{type(self).__name__} image {self.index.keys[row]}"


def digest(paths: Sequence[Path]) -> str:
    """Digest files by their contents, in the order given; where they lie does not count."""
    return hashlib.sha256("".join(map(sha256_of, paths)).encode()).hexdigest()


def locate(source: str | None, hub_files: str, accepted: str) -> Source:
    """Find a source: a folder on this machine, else the `hub_files` of a Hub dataset.

    `MissingData` where there is neither; its sentence ends with the layouts that are `accepted`.
    """
    if source is None:
        raise MissingData(f"the source images were not named; give --data {accepted}")
    if Path(source).is_dir():
        return Source(Path(source))
    return _download(source, hub_files, accepted)


def _download(repository: str, hub_files: str, accepted: str) -> Source:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

    try:
        snapshot = snapshot_download(repository, repo_type="dataset", allow_patterns=hub_files)
    except HFValidationError:
        reason = "it is not the name of a dataset at the Hub"
    except RepositoryNotFoundError:
        reason = "no dataset of that name that you may read is at the Hub"
    except OSError:
        reason = "the Hub cannot be reached to look for a dataset of that name"
    else:
        return Source(Path(snapshot), commit=Path(snapshot).name)
    raise MissingData(f"there is no folder {repository}, and {reason}; give --data {accepted}")
