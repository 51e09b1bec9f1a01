"""Pictures of the board: what an attacker sees and rebuilds, lined up over releases."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ...schemas import CorruptData, Gallery, GalleryImage, LeaderboardRow, Track
from ...schemas.gallery import GALLERY_FILE
from ..ranking.images import ValuesOf

SIDE = 144  # pixels on the page
GALLERY_SPLIT = "validation"  # whose answers are public
MASK = "mask: black channels are zero throughout"
DIGITS = 32  # of the digest that names an image among values


@dataclass(frozen=True)
class View:
    """One image as one release shows it; the paths of its pictures are in `folder`."""

    folder: Path
    gallery: Gallery
    image: GalleryImage

    def pictures(self, scores: Mapping[str, float], attack: str | None = None) -> dict[str, Path]:
        """Caption and file: input, activation, mask, then what each attack rebuilt, with its SSIM.

        Where an `attack` is named, only what that one rebuilt.
        """
        rebuilt = {
            f"rebuilt by {name}" + (f", SSIM {scores[name]:.2f}" if name in scores else ""): file
            for name, file in self.image.reconstructions.items()
            if attack in (None, name)
        }
        sent = {"input": self.image.input, "activation": self.image.activation}
        mask = {MASK: self.image.mask} if self.image.mask else {}
        return {caption: self.folder / name for caption, name in (sent | mask | rebuilt).items()}

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


def gallery_times(board: Path) -> list[int]:
    """When each gallery of the board was last written, in ns: they change with every picture."""
    return [
        path.stat().st_mtime_ns for path in sorted((board / "gallery").glob(f"*/{GALLERY_FILE}"))
    ]


def scores(view: View, rows: Sequence[LeaderboardRow], values_of: ValuesOf) -> Mapping[str, float]:
    """How alike the image is to what each attack rebuilt of it, where its values are kept.

    An attack that has several entries on the release, with other options, has none.
    """
    found: dict[str, list[LeaderboardRow]] = defaultdict(list)
    for row in rows:
        report = row.report
        if (report.fingerprint, report.split, report.track) == (
            view.gallery.fingerprint,
            GALLERY_SPLIT,
            Track.RECONSTRUCTION,
        ):
            found[report.attack].append(row)
    digest = named(opened(view.input))
    kept = {attack: values_of(part[0]) for attack, part in found.items() if len(part) == 1}
    return {
        attack: float(values.value[values.image.index(digest)])
        for attack, values in kept.items()
        if values is not None and digest in values.image
    }


def named(picture: Image.Image) -> str:
    """The name of an image among values: a digest of its pixels, colour by colour."""
    pixels = b"".join(channel.tobytes() for channel in picture.split())
    return hashlib.sha256(pixels).hexdigest()[:DIGITS]


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
