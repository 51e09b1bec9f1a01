"""CelebA's official download: aligned JPEG images in a folder beside text annotations."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...schemas import MissingData, SchemaMismatch
from . import Index
from ._files import ImageFiles, Source, digest

IMAGES = "img_align_celeba"
ATTRIBUTES = "list_attr_celeba.txt"
IDENTITIES = "identity_CelebA.txt"
SIGNS = {"-1": 0, "1": 1}


class CelebaFolder(ImageFiles):
    """The official download, as unpacked by torchvision; its partition file is not needed."""

    def __init__(self, folder: Path, attributes: tuple[str, ...]) -> None:
        self.folder = folder
        self.index = _read_index(folder, attributes)
        _check_images(folder / IMAGES, self.index)

    @property
    def revision(self) -> str:
        """A digest of the annotations and of every image."""
        images = [self.folder / IMAGES / key for key in self.index.keys]
        return digest([self.folder / ATTRIBUTES, self.folder / IDENTITIES, *images])

    def read(self, row: int) -> bytes:
        """Return the JPEG file, 178 x 218."""
        return (self.folder / IMAGES / self.index.keys[row]).read_bytes()


def find_folder(source: Source, attributes: tuple[str, ...]) -> CelebaFolder | None:
    """Read the official download where `source` is one; None where it is something else."""
    for folder in (source.folder, source.folder / "celeba"):
        if (folder / IMAGES).is_dir():
            return CelebaFolder(folder, attributes)
    return None


def _read_index(folder: Path, attributes: tuple[str, ...]) -> Index:
    keys, labels = _read_attributes(folder / ATTRIBUTES, attributes)
    people = dict(_columns(folder / IDENTITIES, line, 2) for line in _lines(folder / IDENTITIES))
    unknown = [key for key in keys if key not in people]
    if unknown:
        raise SchemaMismatch(
            f"{folder / IDENTITIES}: expected an identity for every image of {ATTRIBUTES}, "
            f"but {unknown[0]} has none"
        )
    return Index(
        keys=keys,
        subjects=[people[key] for key in keys],
        labels={name: labels[:, column] for column, name in enumerate(attributes)},
    )


def _read_attributes(
    path: Path, attributes: tuple[str, ...]
) -> tuple[list[str], NDArray[np.int64]]:
    """Read the count, the names, then one line `000001.jpg -1 1 …` per image; 1 is yes."""
    _, names, *lines = _lines(path)
    if tuple(names.split()) != attributes:
        raise SchemaMismatch(f"{path}: expected the 40 attributes of CelebA, but got {names!r}")
    keys, labels = [], []
    for line in lines:
        key, *signs = _columns(path, line, 1 + len(attributes))
        if not set(signs) <= SIGNS.keys():
            raise SchemaMismatch(f"{path}: expected only -1 and 1, but got the line {line!r}")
        keys.append(key)
        labels.append([SIGNS[sign] for sign in signs])
    return keys, np.array(labels, np.int64)


def _columns(path: Path, line: str, count: int) -> list[str]:
    columns = line.split()
    if len(columns) != count:
        raise SchemaMismatch(f"{path}: expected {count} columns, but got the line {line!r}")
    return columns


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise MissingData(f"{path}: this annotation file of CelebA is missing; download it again")
    return path.read_text("utf-8").splitlines()


def _check_images(folder: Path, index: Index) -> None:
    there = {path.name for path in folder.iterdir()}
    missing = [key for key in index.keys if key not in there]
    if missing:
        raise MissingData(
            f"{folder}: {len(missing)} of {len(index)} images are missing, the first is "
            f"{missing[0]}; unpack img_align_celeba.zip again"
        )
