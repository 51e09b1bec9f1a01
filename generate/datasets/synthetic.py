"""Synthetic faces, drawn from a seed or a secret: people with labelled attributes, and no files."""

import hashlib
from collections.abc import Mapping, Sequence
from copy import copy
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...schemas import Licence, Secret, UnknownOption, UsageError
from . import Dataset, Index
from ._draws import Keys, SecretKeys, SeedKeys, Stream, generator
from ._face_drawing import draw
from ._face_labels import ATTRIBUTES, Correlation, draw_labels
from ._face_people import draw_people
from ._face_shots import draw_shots
from ._images import png

RENDERER = 1  # raised with every change of a pixel or a label
PIXELS_AT_ONCE = 2**15  # a canvas that stays in the processor's cache


class Synthetic(Dataset):
    """Drawn faces of `identities` people, `images` in all and shared out evenly.

    What image n shows depends on n, the seed and the options alone; `seed` is in 0 .. 2**63 - 1.
    Once sealed, it depends on n, the secret and the options.
    `correlation` is a table such as `{first = "smiling", second = "gender", rho = 0.3}`.
    """

    attributes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        name: attribute.classes for name, attribute in ATTRIBUTES.items()
    }
    stratum: ClassVar[str] = "race"
    licence: ClassVar[Licence] = Licence(
        name="CC0-1.0",
        redistributable=True,
        citation="Leakboard synthetic faces, drawn by leakboard.generate.datasets.synthetic.",
    )

    def __init__(
        self,
        *,
        source: str | None,
        size: int,
        images: int = 6000,
        identities: int = 600,
        seed: int = 0,
        correlation: Correlation | None = None,
    ) -> None:
        _check(source, images, identities, seed)
        self.size = size
        self._identities = identities
        self._correlation = correlation
        self._origin = f"renderer {RENDERER} {(images, identities, seed, correlation)}"
        self._populate(SeedKeys(seed), images)

    def sealed(self, secret: Secret) -> Self:
        """Draw other people in other pictures, with labels of their own, from the secret alone."""
        drawn = copy(self)
        drawn._origin = f"{self._origin} sealed {secret.commitment()}"
        drawn._populate(SecretKeys(secret), len(self.index))
        return drawn

    def _populate(self, keys: Keys, images: int) -> None:
        """Draw who is pictured, what is true of them, and what they look like."""
        self._keys = keys
        self._identity = (
            generator(keys, Stream.ASSIGNMENT, 0).permutation(images) % self._identities
        )
        labels = draw_labels(keys, self._identity, self._identities, self._correlation)
        _, first_image = np.unique(self._identity, return_index=True)
        own = {name: values[first_image] for name, values in labels.items()}
        self._people = draw_people(keys, own)
        self.index = Index(
            keys=[f"image-{row}" for row in range(images)],
            subjects=[f"person-{person}" for person in self._identity],
            labels=labels,
        )

    @property
    def revision(self) -> str:
        """A digest of renderer and options, and of the commitment to the secret where sealed."""
        return hashlib.sha256(self._origin.encode()).hexdigest()

    def images(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        """Draw (N, size, size, 3) uint8 sRGB images."""
        drawn = np.empty((len(rows), self.size, self.size, 3), np.uint8)
        step = max(1, PIXELS_AT_ONCE // self.size**2)
        for start in range(0, len(rows), step):
            drawn[start : start + step] = self._draw(rows[start : start + step])
        return drawn

    def encoded(self, rows: Sequence[int]) -> list[bytes]:
        """Draw images and encode them as PNG."""
        return self.encoded_and_pixels(rows)[0]

    def encoded_and_pixels(self, rows: Sequence[int]) -> tuple[list[bytes], NDArray[np.uint8]]:
        """Draw images once and encode them without loss."""
        drawn = self.images(rows)
        return [png(Image.fromarray(pixels)) for pixels in drawn], drawn

    def _draw(self, rows: Sequence[int]) -> NDArray[np.uint8]:
        labels = {name: values[rows] for name, values in self.index.labels.items()}
        shots = draw_shots(self._keys, rows, labels)
        return draw(self._people.at(self._identity[rows]), shots, self.size, self._noise(rows))

    def _noise(self, rows: Sequence[int]) -> NDArray[np.float32]:
        generators = [generator(self._keys, Stream.SENSOR, row) for row in rows]
        shape = (3, self.size, self.size)
        return np.stack([each.standard_normal(shape, np.float32) for each in generators])


def _check(source: str | None, images: int, identities: int, seed: int) -> None:
    if source is not None:
        raise UsageError(f"synthetic faces are drawn, not read from {source!r}; leave out --data")
    if not 1 <= identities <= images:
        raise UnknownOption(
            "dataset synthetic: expected at least one identity and as many images as identities, "
            f"but got {identities} identities and {images} images"
        )
    if not 0 <= seed < 2**63:
        raise UnknownOption(f"dataset synthetic: expected a seed in 0 .. 2**63 - 1, but got {seed}")
