"""FairFace: faces balanced over seven races, with gender, race and age (Karkkainen & Joo 2021)."""

from collections.abc import Mapping
from typing import ClassVar

from ...schemas import Licence
from ._files import FileDataset, locate
from ._hub import HubFiles, HubLayout

LAYOUT = HubLayout(
    config="0.25",
    splits=("train", "validation"),
    image="image",
    labels={"gender": "gender", "race": "race", "age": "age"},
)
ACCEPTED = "HuggingFaceM4/FairFace, or a folder with that repository's Parquet files"


class Fairface(FileDataset):
    """FairFace, its official training and validation images pooled; nobody is identified.

    The images are those with the narrow margin (0.25), 224 x 224 on the Hub.
    """

    attributes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "gender": ("Male", "Female"),
        "race": (
            "East Asian",
            "Indian",
            "Black",
            "White",
            "Middle Eastern",
            "Latino_Hispanic",
            "Southeast Asian",
        ),
        "age": (
            "0-2",
            "3-9",
            "10-19",
            "20-29",
            "30-39",
            "40-49",
            "50-59",
            "60-69",
            "more than 70",
        ),
    }
    stratum: ClassVar[str] = "race"
    published: ClassVar[tuple[int, int]] = (97_698, 0)
    licence: ClassVar[Licence] = Licence(
        name="CC BY 4.0",
        redistributable=True,
        citation=(
            "K. Karkkainen and J. Joo. FairFace: Face Attribute Dataset for Balanced Race, "
            "Gender, and Age for Bias Measurement and Mitigation. WACV 2021."
        ),
    )

    def __init__(self, *, source: str | None, size: int) -> None:
        located = locate(source, LAYOUT.files, ACCEPTED)
        super().__init__(HubFiles(located, LAYOUT, self.attributes), size)
