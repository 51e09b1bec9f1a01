from collections.abc import Callable
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
    MissingData,
    SchemaMismatch,
)

MakeGallery = Callable[..., Gallery]

SMALL = Image.fromarray(np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3))


def test_releases_that_show_the_same_image_are_lined_up(
    tmp_path: Path, make_gallery: MakeGallery
) -> None:
    make_gallery(tmp_path, "release-a", [1, 2])
    make_gallery(tmp_path, "release-b", [3, 2])
    found = views(tmp_path, {"a" * 64, "b" * 64})
    assert [[view.gallery.release for view in image] for image in found] == [
        ["release-a", "release-b"],
        ["release-a"],
        ["release-b"],
    ]
    assert list(found[0][0].pictures) == ["input", "activation", "rebuilt by decoder"]


def test_only_the_releases_asked_for_are_shown(tmp_path: Path, make_gallery: MakeGallery) -> None:
    make_gallery(tmp_path, "release-a", [1])
    assert views(tmp_path, {"b" * 64}) == []
    assert views(tmp_path / "nothing", {"a" * 64}) == []


def test_a_gallery_survives_its_file(tmp_path: Path, make_gallery: MakeGallery) -> None:
    gallery = make_gallery(tmp_path, "release-a", [1, 2])
    assert Gallery.read(tmp_path / "gallery" / "release-a") == gallery


def test_small_pictures_grow_by_whole_pixels(tmp_path: Path) -> None:
    SMALL.save(tmp_path / "small.png")
    large = np.asarray(magnified(tmp_path / "small.png"))
    factor = SIDE // 8
    assert large.shape == (SIDE, SIDE, 3)
    np.testing.assert_array_equal(large[::factor, ::factor], np.asarray(SMALL))
    np.testing.assert_array_equal(large[factor - 1 :: factor, ::factor], np.asarray(SMALL))


def test_pictures_that_may_not_be_shown_are_refused(
    tmp_path: Path, make_gallery: MakeGallery
) -> None:
    gallery = make_gallery(tmp_path, "release-a", [1])
    closed = gallery.licence.model_copy(update={"name": "research only", "redistributable": False})
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
    tmp_path: Path,
    make_gallery: MakeGallery,
    damage: Callable[[Path], object],
    error: type[LeakboardError],
) -> None:
    make_gallery(tmp_path, "release-a", [1])
    damage(tmp_path / "gallery" / "release-a")
    with pytest.raises(error, match=r"release-a.*make the gallery again"):
        views(tmp_path, {"a" * 64})
