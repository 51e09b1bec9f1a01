"""CIFAR-10: small photographs of ten classes, six of them living (Krizhevsky 2009)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from ...schemas import Licence
from ._cifar_batches import find_batches
from ._files import FileDataset, locate
from ._hub import HubFiles, HubLayout

LAYOUT = HubLayout(
    config="plain_text",
    splits=("train", "test"),
    test="test",
    image="img",
    labels={"class": "label"},
)
ACCEPTED = (
    "uoft-cs/cifar10, a folder with that repository's Parquet files, or the official download "
    "(cifar-10-batches-bin or cifar-10-batches-py)"
)
LIVING = ("bird", "cat", "deer", "dog", "frog", "horse")


class Cifar10(FileDataset):
    """CIFAR-10, with its official test images as the test split; nobody is identified."""

    attributes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "class": (
            "airplane",
            "automobile",
            "bird",
            "cat",
            "deer",
            "dog",
            "frog",
            "horse",
            "ship",
            "truck",
        ),
        "living": ("object", "living"),
    }
    stratum: ClassVar[str] = "class"
    published: ClassVar[tuple[int, int]] = (60_000, 10_000)
    licence: ClassVar[Licence] = Licence(
        name="no explicit licence; free to use with citation",
        redistributable=True,
        citation=(
            "A. Krizhevsky. Learning Multiple Layers of Features from Tiny Images. "
            "Technical report, University of Toronto, 2009."
        ),
    )

    def __init__(self, *, source: str | None, size: int) -> None:
        located = locate(source, LAYOUT.files, ACCEPTED)
        batches = find_batches(located, self.attributes["class"])
        super().__init__(batches or HubFiles(located, LAYOUT, self.attributes), size)
        classes = self.index.labels["class"]
        living = np.array([name in LIVING for name in self.attributes["class"]], np.int64)
        labels = {"class": classes, "living": living[classes]}
        self.index = replace(self.index, labels=labels)
