"""Synthetic faces, drawn from a seed: people with labelled attributes, and no files."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...schemas import Licence, UnknownOption, UsageError
from . import Dataset, Index
from ._draws import Stream, generator
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
        self.seed = seed
        self._recipe = (images, identities, seed, correlation)
        self._identity = generator(seed, Stream.ASSIGNMENT, 0).permutation(images) % identities
        labels = draw_labels(seed, self._identity, identities, correlation)
        _, first_image = np.unique(self._identity, return_index=True)
        own = {name: values[first_image] for name, values in labels.items()}
        self._people = draw_people(seed, own)
        self.index = Index(
            keys=[f"image-{row}" for row in range(images)],
            subjects=[f"person-{person}" for person in self._identity],
            labels=labels,
        )

    @property
    def revision(self) -> str:
        """A digest of the renderer's version and the options: the same for the same images."""
        return hashlib.sha256(f"renderer {RENDERER} {self._recipe}".encode()).hexdigest()

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
        shots = draw_shots(self.seed, rows, labels)
        return draw(self._people.at(self._identity[rows]), shots, self.size, self._noise(rows))

    def _noise(self, rows: Sequence[int]) -> NDArray[np.float32]:
        generators = [generator(self.seed, Stream.SENSOR, row) for row in rows]
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
