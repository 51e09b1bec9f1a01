"""Pictures of the board: what an attacker sees and rebuilds, lined up over releases."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ..schemas import CorruptData, Gallery, GalleryImage
from ..schemas.gallery import GALLERY_FILE

SIDE = 144  # pixels on the page


@dataclass(frozen=True)
class View:
    """One image as one release shows it; the paths of its pictures are in `folder`."""

    folder: Path
    gallery: Gallery
    image: GalleryImage

    @property
    def pictures(self) -> dict[str, Path]:
        """Caption and file: input, activation, then what each attack rebuilt."""
        rebuilt = {f"rebuilt by {name}": p for name, p in self.image.reconstructions.items()}
        named = {"input": self.image.input, "activation": self.image.activation} | rebuilt
        return {caption: self.folder / name for caption, name in named.items()}

    @property
    def input(self) -> Path:
        """The file of the input image."""
        return self.folder / self.image.input


def views(board: Path, fingerprints: Collection[str]) -> list[list[View]]:
    """The views of each distinct input image, over the releases with these fingerprints.

    Releases that share their splits show the same images; equal pixels are the same image. Images
    that most releases show come first.
    """
    lined_up: dict[bytes, list[View]] = defaultdict(list)
    for path in sorted((board / "gallery").glob(f"*/{GALLERY_FILE}")):
        gallery = Gallery.read(path.parent)
        for image in gallery.images if gallery.fingerprint in fingerprints else ():
            view = View(path.parent, gallery, image)
            lined_up[opened(view.input).tobytes()].append(view)
    return sorted(lined_up.values(), key=len, reverse=True)


def opened(path: Path) -> Image.Image:
    """Read a picture as RGB; `CorruptData` names the file."""
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError) as problem:
        raise CorruptData(f"{path} is not a picture ({problem}); make the gallery again") from None


def magnified(path: Path) -> Image.Image:
    """Enlarge a small picture to about `SIDE` pixels, each pixel a crisp square."""
    picture = opened(path)
    factor = max(round(SIDE / max(picture.size)), 1)
    return picture.resize(
        (factor * picture.width, factor * picture.height), Image.Resampling.NEAREST
    )
