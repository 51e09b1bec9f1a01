"""The gallery of a release: a few records as pictures, for data whose licence lets them be shown.

`<board>/gallery/<release>/gallery.json` with the PNG files that it names beside it.
"""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import Identifier, Record, Sha256
from .errors import CorruptData, MissingData
from .manifest import Licence

GALLERY_FILE = "gallery.json"
PngName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*\.png$")]


class GalleryImage(Record):
    """One record: its input, its activation channels side by side, what each attack rebuilt.

    `mask` shows in the same order which channels hold anything, where some are zero throughout.
    `input` holds the record's own image, pixel for pixel: releases of one dataset that show the
    same image are lined up by it. `reconstructions` maps an attack's name to its picture.
    """

    image_id: Identifier
    input: PngName
    activation: PngName
    mask: PngName | None = Field(default=None, exclude_if=lambda mask: mask is None)
    reconstructions: dict[str, PngName]


class Gallery(Record):
    """gallery.json: which release the pictures belong to, and the pictures."""

    schema_version: Literal[1] = 1
    release: str
    fingerprint: Sha256
    licence: Licence
    images: tuple[GalleryImage, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _may_be_shown(self) -> Self:
        if not self.licence.redistributable:
            raise ValueError(f"the licence {self.licence.name!r} forbids showing these images")
        return self

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read `<folder>/gallery.json`; raises where a picture it names is missing."""
        path = folder / GALLERY_FILE
        try:
            gallery = cls.parse(json.loads(path.read_bytes()), str(path))
        except ValueError as problem:
            raise CorruptData(f"{path} is not JSON ({problem}); make the gallery again") from None
        for name in gallery.files:
            if not (folder / name).is_file():
                raise MissingData(f"{folder / name} is missing; make the gallery again")
        return gallery

    @property
    def files(self) -> list[str]:
        """The names of all pictures."""
        return [
            name
            for image in self.images
            for name in (
                image.input,
                image.activation,
                image.mask,
                *image.reconstructions.values(),
            )
            if name is not None
        ]
