"""Discs: a dataset in one file, which `new_dataset.py` makes a release of."""

import io
from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np
from PIL import Image, ImageDraw

from leakboard.generate.datasets import Dataset, Index
from leakboard.schemas import Licence


class Discs(Dataset):
    """A small or a large disc in one of four corners, on stained paper.

    `subjects` people drew `images` discs, each with a pen of their own red.
    """

    attributes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "disc": ("small", "large"),
        "corner": ("top left", "top right", "bottom left", "bottom right"),
    }
    stratum: ClassVar[str] = "corner"
    licence: ClassVar[Licence] = Licence(name="CC0-1.0", redistributable=True, citation="none")

    def __init__(
        self, *, source: str | None, size: int, images: int = 1600, subjects: int = 320
    ) -> None:
        random = np.random.default_rng(0)
        drawers = np.arange(images) % subjects
        labels = {name: random.integers(len(c), size=images) for name, c in self.attributes.items()}
        keys = [f"disc-{row}" for row in range(images)]
        self.index = Index(keys, [f"person-{drawer}" for drawer in drawers], labels)
        self.size = size
        self.reds = random.integers(150, 256, size=subjects)[drawers]

    @property
    def revision(self) -> str:
        """The version of the drawing: another one draws other pixels."""
        return "discs-1"

    def encoded(self, rows: Sequence[int]) -> list[bytes]:
        """Draw these images, as PNG."""
        return [self._png(row) for row in rows]

    def _png(self, row: int) -> bytes:
        labels, side = self.index.labels, self.size
        stains = np.random.default_rng([1, row]).integers(256, size=(5, 5), dtype=np.uint8)
        paper = Image.fromarray(stains).resize((side, side), Image.Resampling.BICUBIC)
        image = paper.convert("RGB")
        across, down = labels["corner"][row] % 2, labels["corner"][row] // 2
        centre = (side / 4 + across * side / 2, side / 4 + down * side / 2)
        radius = side / 5 if labels["disc"][row] else side / 10
        ImageDraw.Draw(image).circle(centre, radius, fill=(int(self.reds[row]), 40, 40))
        content = io.BytesIO()
        image.save(content, "PNG")
        return content.getvalue()
