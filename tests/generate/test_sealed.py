"""The sealed track: faces that follow from the organiser's secret, and from nothing else."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from leakboard.generate import generate, recompute, verify
from leakboard.generate.datasets import create, decode
from leakboard.generate.datasets.synthetic import Synthetic
from leakboard.schemas import (
    Config,
    Release,
    Secret,
    Truth,
    UsageError,
    default_truth,
    read_configs,
)

from ..tiny import untrained_config
from .dataset_sources import tiny

ROOT = Path(__file__).parents[2]
KEY, OTHER = Secret(b"k" * 32), Secret(b"o" * 32)


def faces(**options: Any) -> Synthetic:
    made = create("synthetic", None, 24, {"images": 60, "identities": 20, **options})
    assert isinstance(made, Synthetic)
    return made


def contents(dataset: Synthetic) -> set[bytes]:
    return set(dataset.encoded(range(len(dataset.index))))


def sealed_config(seed: int = 0) -> Config:
    return untrained_config("none", seed, images=240).model_copy(update={"sealed": True})


def made(config: Config, out: Path, key: Secret = KEY) -> Release:
    secret = out.with_name(f"{out.name}.key")
    secret.write_text(f"{key.key.hex()}\n")
    generate(config, out, secret=secret)
    return Release.open(out)


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A sealed release, its truth and its secret beside it."""
    return made(sealed_config(), tmp_path_factory.mktemp("sealed") / "release")


def hidden(release: Release) -> NDArray[np.int64]:
    """The pixels (N, S, S, 3) of the test split, from the truth."""
    inputs = Truth.open(default_truth(release.folder), release).answers().column("input")
    size = release.manifest.dataset.image_size
    return np.stack([decode(one["bytes"], size) for one in inputs.to_pylist()]).astype(np.int64)


def nearest(images: NDArray[np.int64], others: NDArray[np.int64]) -> float:
    """The smallest mean difference of two images, in grey levels."""
    return float(min(np.abs(others - one).mean((1, 2, 3)).min() for one in images))


def test_one_secret_gives_the_same_faces_and_two_give_other_ones() -> None:
    one, again, other = (faces().sealed(key) for key in (KEY, KEY, OTHER))
    assert one.encoded(range(60)) == again.encoded(range(60))
    assert one.revision == again.revision != other.revision
    assert contents(one).isdisjoint(contents(other))
    assert len(contents(one)) == 60
    assert not np.array_equal(one.index.labels["race"], other.index.labels["race"])


def test_the_public_seed_decides_nothing_once_faces_are_sealed() -> None:
    drawn = [faces(seed=seed) for seed in (0, 1)]
    assert contents(drawn[0].sealed(KEY)) == contents(drawn[1].sealed(KEY))
    assert contents(drawn[0].sealed(KEY)).isdisjoint(contents(drawn[0]))


def test_sealing_leaves_the_open_faces_as_they_were() -> None:
    drawn = faces()
    before = contents(drawn)
    drawn.sealed(KEY)
    assert contents(drawn) == before


def test_a_sealed_release_is_sound_and_says_so(sealed: Release) -> None:
    assert sealed.manifest.config.sealed
    assert verify(sealed.folder) == []
    assert recompute(sealed.folder, 10) == []


def test_the_same_secret_gives_the_same_bytes(sealed: Release, tmp_path: Path) -> None:
    again = made(sealed_config(), tmp_path / "release")
    trees = [sealed.folder, default_truth(sealed.folder)]
    for tree, other in zip(trees, [again.folder, default_truth(again.folder)], strict=True):
        names = {path.relative_to(tree) for path in tree.rglob("*") if path.is_file()}
        assert names == {path.relative_to(other) for path in other.rglob("*") if path.is_file()}
        for name in names:
            assert (tree / name).read_bytes() == (other / name).read_bytes(), name


def test_code_configuration_and_seed_do_not_redraw_a_test_face(sealed: Release) -> None:
    """Nor does a guessed secret: what is drawn is as far from the hidden as people are apart."""
    table = sealed.manifest.config.dataset
    public = create(table.name, None, table.size, table.options)
    config = sealed.manifest.config
    parts = ("sealed", config.config_id, str(config.seed))
    faces_in_test = hidden(sealed)
    for guess in (public, public.sealed(OTHER.derived(*parts))):
        assert nearest(faces_in_test, guess.images(range(240)).astype(np.int64)) > 4
    own = public.sealed(KEY.derived(*parts))
    assert nearest(faces_in_test, own.images(range(240)).astype(np.int64)) == 0


def test_releases_of_one_secret_show_other_faces(sealed: Release, tmp_path: Path) -> None:
    other = made(sealed_config(seed=1), tmp_path / "release")
    assert sealed.manifest.config_id == other.manifest.config_id
    assert nearest(hidden(sealed), hidden(other)) > 4


def test_images_that_exist_already_cannot_be_sealed(tmp_path: Path) -> None:
    source = tiny("cifar10", tmp_path)
    dataset = create("cifar10", source.source, source.size, source.options)
    with pytest.raises(UsageError, match="Cifar10 reads images that others have too"):
        dataset.sealed(KEY)


def test_the_sealed_recipes_are_the_synthetic_ones_sealed() -> None:
    for path in (ROOT / "configs").glob("sealed-*.toml"):
        (recipe,) = read_configs(path)
        (usual,) = read_configs(path.with_name(path.name.replace("sealed", "synthetic")))
        assert recipe == usual.model_copy(update={"name": recipe.name, "sealed": True})
        assert recipe.config_id != usual.config_id
