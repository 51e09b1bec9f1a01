"""Source images and their labels; a new dataset is one new file in this folder.

A file `cifar10.py` defines the class `Cifar10(Dataset)`. Its constructor takes `source` (a Hub
id, a local folder, or None for data that is made) and `size` (pixels), then its own options as
keyword-only arguments.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from ...schemas import CorruptData, Licence, Registry, Secret, UnknownName, UsageError
from ...schemas.errors import nearest
from ._images import opened

REGISTRY = Registry("dataset", __name__, "Dataset")


@dataclass(frozen=True)
class Index:
    """One entry per source image, in the source's own order.

    keys      unique and stable names of the images (never released)
    subjects  who is pictured; equal strings are one subject; the key where nobody is identified
    labels    per attribute, int64 class numbers
    official_test  True where the image must be in the test split; None: no official test set
    """

    keys: Sequence[str]
    subjects: Sequence[str]
    labels: Mapping[str, NDArray[np.int64]]
    official_test: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.keys)


class Dataset(ABC):
    """Images with labelled attributes.

    attributes  attribute name → class names in label order
    stratum     the attribute by which the splits are stratified, the same for every release
    published   how many images there are, and how many of them are official test images: what
                `leakboard plan` goes by where the images are not at hand
    """

    attributes: ClassVar[Mapping[str, tuple[str, ...]]]
    stratum: ClassVar[str]
    licence: ClassVar[Licence]
    published: ClassVar[tuple[int, int]] = (0, 0)
    index: Index
    size: int

    @property
    @abstractmethod
    def revision(self) -> str:
        """A digest of the source's files, or the renderer's version: the same for the same data."""

    @abstractmethod
    def encoded(self, rows: Sequence[int]) -> list[bytes]:
        """Give images as PNG or JPEG bytes, `size` x `size`; `CorruptData` names a bad one."""

    def digests(self, rows: Sequence[int]) -> list[str]:
        """SHA-256 of each image as the source holds it, in hexadecimal digits."""
        return [hashlib.sha256(content).hexdigest() for content in self.encoded(rows)]

    def images(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """Decode images to (N, size, size, 3) uint8 sRGB."""
        return self.encoded_and_pixels(rows)[1]

    def encoded_and_pixels(self, rows: Sequence[int]) -> tuple[list[bytes], NDArray[np.uint8]]:
        """Give images both ways at once: as `encoded` does, and what decoding that gives."""
        contents = self.encoded(rows)
        pixels = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        for place, content in enumerate(contents):
            pixels[place] = decode(content, self.size)
        return contents, pixels

    def sealed(self, secret: Secret) -> Self:
        """Make new images that follow from the secret; `UsageError` where none can be made."""
        raise UsageError(
            f"{type(self).__name__} reads images that others have too, so they cannot be sealed; "
            "leave out `sealed = true`, or choose the dataset synthetic"
        )

    def classes(self, attribute: str) -> tuple[str, ...]:
        """Class names of an attribute; `UnknownName` suggests the nearest."""
        if attribute not in self.attributes:
            raise UnknownName(
                f"{type(self).__name__} has no attribute {attribute!r}: "
                f"{nearest(attribute, self.attributes)}"
            )
        return self.attributes[attribute]


def decode(content: bytes, size: int, name: str = "the image") -> NDArray[np.uint8]:
    """Decode PNG or JPEG bytes to (size, size, 3) uint8; `CorruptData` where that fails."""
    pixels = np.asarray(opened(content, name).convert("RGB"))
    if pixels.shape != (size, size, 3):
        raise CorruptData(f"{name}: expected {size} x {size} pixels, but got {pixels.shape}")
    return pixels


def create(name: str, source: str | None, size: int, options: Mapping[str, Any]) -> Dataset:
    """Open the dataset `name` from `source`, with its images at `size` x `size`."""
    dataset: Dataset = REGISTRY.create(name, {"source": source, "size": size, **options})
    return dataset


def within(source: str | None, name: str) -> str | None:
    """Find the dataset `name` in a folder that holds a folder for each dataset, else `source`."""
    if source is not None and (Path(source) / name).is_dir():
        return str(Path(source) / name)
    return source
