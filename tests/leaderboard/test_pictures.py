from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leakboard.leaderboard.pictures import SIDE, magnified, views
from leakboard.schemas import (
    CorruptData,
    Gallery,
    GalleryImage,
    LeakboardError,
    Licence,
    MissingData,
    SchemaMismatch,
)

CC0 = Licence(name="CC0-1.0", redistributable=True, citation="made by the tests")


def picture(seed: int, side: int = 8) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def write_gallery(board: Path, release: str, seeds: Sequence[int]) -> Gallery:
    """A gallery that shows the inputs with these seeds, rebuilt by one attack."""
    folder = board / "gallery" / release
    folder.mkdir(parents=True)
    images = []
    for place, seed in enumerate(seeds):
        names = [f"{place}-{kind}.png" for kind in ("input", "activation", "decoder")]
        picture(seed).save(folder / names[0])
        picture(seed + 100, side=32).save(folder / names[1])
        picture(seed + 200).save(folder / names[2])
        images.append(
            GalleryImage(
                image_id=f"{seed:032x}",
                input=names[0],
                activation=names[1],
                reconstructions={"decoder": names[2]},
            )
        )
    gallery = Gallery(
        release=release, fingerprint=release[-1] * 64, licence=CC0, images=tuple(images)
    )
    (folder / "gallery.json").write_text(gallery.to_json())
    return gallery


def test_releases_that_show_the_same_image_are_lined_up(tmp_path: Path) -> None:
    write_gallery(tmp_path, "release-a", [1, 2])
    write_gallery(tmp_path, "release-b", [3, 2])
    found = views(tmp_path, {"a" * 64, "b" * 64})
    assert [[view.gallery.release for view in image] for image in found] == [
        ["release-a", "release-b"],
        ["release-a"],
        ["release-b"],
    ]
    assert list(found[0][0].pictures) == ["input", "activation", "rebuilt by decoder"]


def test_only_the_releases_asked_for_are_shown(tmp_path: Path) -> None:
    write_gallery(tmp_path, "release-a", [1])
    assert views(tmp_path, {"b" * 64}) == []
    assert views(tmp_path / "nothing", {"a" * 64}) == []


def test_a_gallery_survives_its_file(tmp_path: Path) -> None:
    gallery = write_gallery(tmp_path, "release-a", [1, 2])
    assert Gallery.read(tmp_path / "gallery" / "release-a") == gallery


def test_small_pictures_grow_by_whole_pixels(tmp_path: Path) -> None:
    picture(0).save(tmp_path / "small.png")
    large = np.asarray(magnified(tmp_path / "small.png"))
    factor = SIDE // 8
    assert large.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(large[::factor, ::factor], np.asarray(picture(0)))
    np.testing.assert_array_equal(large[factor - 1 :: factor, ::factor], np.asarray(picture(0)))


def test_pictures_that_may_not_be_shown_are_refused(tmp_path: Path) -> None:
    gallery = write_gallery(tmp_path, "release-a", [1])
    closed = CC0.model_copy(update={"name": "research only", "redistributable": False})
    content = gallery.model_dump() | {"licence": closed.model_dump()}
    with pytest.raises(SchemaMismatch, match="'research only' forbids showing"):
        Gallery.parse(content, "a gallery")


@pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "a/b.png", ".png", "input.svg"])
def test_a_picture_lies_beside_its_gallery(name: str) -> None:
    with pytest.raises(SchemaMismatch, match="input"):
        GalleryImage.parse(
            {"image_id": "0" * 32, "input": name, "activation": "a.png", "reconstructions": {}},
            "an image",
        )


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (lambda folder: (folder / "0-decoder.png").unlink(), MissingData),
        (lambda folder: (folder / "0-input.png").write_bytes(b"no picture"), CorruptData),
        (lambda folder: (folder / "gallery.json").write_text("{"), CorruptData),
    ],
    ids=["missing", "no picture", "no JSON"],
)
def test_a_damaged_gallery_says_what_to_do(
    tmp_path: Path, damage: Callable[[Path], object], error: type[LeakboardError]
) -> None:
    write_gallery(tmp_path, "release-a", [1])
    damage(tmp_path / "gallery" / "release-a")
    with pytest.raises(error, match=r"release-a.*make the gallery again"):
        views(tmp_path, {"a" * 64})
