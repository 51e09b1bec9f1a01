"""CelebA: faces of celebrities with identities and forty attributes (Liu et al. 2015)."""

from collections.abc import Mapping
from typing import ClassVar

from ...schemas import Licence
from ._celeba_folder import find_folder
from ._files import FileDataset, locate
from ._hub import HubFiles, HubLayout

NAMES = (
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
)
LAYOUT = HubLayout(
    config="img_align+identity+attr",
    splits=("train", "valid", "test"),
    image="image",
    labels={name: name for name in NAMES},
    subject="celeb_id",
)
ACCEPTED = (
    "flwrlabs/celeba, a folder with that repository's Parquet files, or the official download "
    "(a folder with img_align_celeba/, list_attr_celeba.txt and identity_CelebA.txt)"
)


class Celeba(FileDataset):
    """CelebA, aligned images, its official partitions pooled; subjects are the celebrities.

    178 x 218 images are cropped to their central square.
    """

    attributes: ClassVar[Mapping[str, tuple[str, ...]]] = {
        name: ("female", "male") if name == "Male" else ("no", "yes") for name in NAMES
    }
    stratum: ClassVar[str] = "Male"
    published: ClassVar[tuple[int, int]] = (202_599, 0)
    licence: ClassVar[Licence] = Licence(
        name="non-commercial research only",
        redistributable=False,
        citation=(
            "Z. Liu, P. Luo, X. Wang and X. Tang. Deep Learning Face Attributes in the Wild. "
            "ICCV 2015."
        ),
    )

    def __init__(self, *, source: str | None, size: int) -> None:
        located = locate(source, LAYOUT.files, ACCEPTED)
        folder = find_folder(located, NAMES)
        super().__init__(folder or HubFiles(located, LAYOUT, self.attributes), size)
