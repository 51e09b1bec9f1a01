"""Near duplicates are found across groups, and only there; strangers are not."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from leakboard.generate.datasets.synthetic import Synthetic
from leakboard.generate.verification.near_duplicates import NEAR, near_duplicates, perceptual_hash

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def faces() -> Pixels:
    return Synthetic(source=None, size=64, images=200, identities=200).images(range(200))


def recompressed(image: Pixels) -> Pixels:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=60)
    return np.asarray(Image.open(buffer))


def noisy(image: Pixels) -> Pixels:
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    return (image + noise).clip(0, 255).astype(np.uint8)


def brighter(image: Pixels) -> Pixels:
    return np.asarray(ImageEnhance.Brightness(Image.fromarray(image)).enhance(1.15))


@pytest.mark.parametrize("altered", [recompressed, noisy, brighter])
def test_an_altered_copy_in_another_group_is_found(faces: Pixels, altered: object) -> None:
    assert callable(altered)
    copies = perceptual_hash([altered(face) for face in faces])
    hashes = np.concatenate([perceptual_hash(list(faces)), copies])
    groups = np.repeat([0, 1], len(faces))
    assert near_duplicates(hashes, groups).mean() > 0.9
    assert not near_duplicates(hashes, np.zeros_like(groups)).any()


def test_strangers_are_no_duplicates(faces: Pixels) -> None:
    assert near_duplicates(perceptual_hash(list(faces)), np.arange(200) % 2).mean() < 0.02


def test_the_bands_find_what_comparing_all_pairs_finds() -> None:
    random = np.random.default_rng(0)
    hashes = random.integers(2**63, size=300).astype(np.uint64)
    flips = np.array([sum(1 << int(b) for b in random.choice(64, k, False)) for k in range(7)])
    hashes = np.concatenate([hashes, *(hashes[:40] ^ np.uint64(flip) for flip in flips)])
    groups = random.integers(3, size=len(hashes))
    distance = np.bitwise_count(hashes[:, None] ^ hashes)
    expected = ((distance <= NEAR) & (groups[:, None] != groups)).any(axis=1)
    assert 0 < expected.sum() < len(hashes)
    assert np.array_equal(near_duplicates(hashes, groups), expected)
