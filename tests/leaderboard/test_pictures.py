from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leakboard.evaluate import fit_attack, scored, write_gallery
from leakboard.leaderboard import Board
from leakboard.leaderboard.figures.pictures import (
    MASK,
    SIDE,
    magnified,
    named,
    opened,
    scores,
    views,
)
from leakboard.schemas import (
    CorruptData,
    Gallery,
    GalleryImage,
    LeaderboardRow,
    LeakboardError,
    MissingData,
    Release,
    SchemaMismatch,
    Track,
)

from ..tiny import MakeRelease
from .conftest import image_values

MakeRow = Callable[..., LeaderboardRow]
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
    assert list(found[0][0].pictures({})) == ["input", "activation", "rebuilt by decoder"]


def test_a_picture_has_the_score_that_is_kept_of_its_image(
    tmp_path: Path, make_gallery: MakeGallery, make_row: MakeRow
) -> None:
    board = Board.open(tmp_path / "board")
    row = make_row(
        "none",
        (0.5, 0.4, 0.6),
        attack="decoder",
        track=Track.RECONSTRUCTION,
        split="validation",
        n=2,
    )
    make_gallery(board.folder, "release-a", [1, 2], row.report.fingerprint)
    ((first,), (second,)) = views(board.folder, {row.report.fingerprint})
    values = image_values(row, [0.25, 0.75])
    board.add(row, replace(values, image=["0" * 32, named(opened(second.input))]))
    assert scores(first, [row], board.values) == {}
    known = scores(second, [row], board.values)
    assert known == {"decoder": 0.75}
    assert "rebuilt by decoder, SSIM 0.75" in second.pictures(known)
    assert list(second.pictures(known, "another")) == ["input", "activation"]


def test_an_image_is_named_as_the_scorer_names_it(release: Release, tmp_path: Path) -> None:
    predictions = fit_attack(release, "prior", {"track": "reconstruction"}).predict("validation")
    predictions.write(tmp_path / "prior.parquet")
    result = scored(release, tmp_path / "prior.parquet")
    assert result.values is not None
    shown = write_gallery(tmp_path / "board", release, [predictions])
    pictures = [named(opened(path)) for path in shown.glob("*-input.png")]
    assert pictures
    assert set(pictures) <= set(result.values.image)


def test_the_mask_shows_which_channels_are_zero_throughout(
    release_of: MakeRelease, tmp_path: Path
) -> None:
    release = release_of("disco")
    predictions = fit_attack(release, "prior", {"track": "reconstruction"}).predict("validation")
    write_gallery(tmp_path, release, [predictions])
    (image, *_) = views(tmp_path, {release.manifest.fingerprint})
    shown = image[0].pictures({})
    activation, mask = (np.asarray(opened(shown[name]))[..., 0] for name in ("activation", MASK))
    channels, *_ = release.manifest.client.activation_shape
    across = int(np.ceil(np.sqrt(channels)))
    tile = mask.shape[1] // across
    lit = mask[::tile, ::tile].ravel()[:channels] == 255
    pruned = int(release.manifest.defense.options["ratio"] * channels)
    assert (~lit).sum() >= pruned > 0
    assert lit.any()
    assert not activation[mask == 0].any()


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
