"""What holds for every dataset; one with files needs a tiny source in dataset_sources.py."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leakboard.generate.datasets import REGISTRY, Dataset, create, decode
from leakboard.schemas import CorruptData, UnknownName, UnknownOption

from .dataset_sources import tiny


@pytest.fixture(params=REGISTRY.names())
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    made = tiny(request.param, tmp_path)
    return create(request.param, made.source, made.size, made.options)


def test_the_index_names_every_image_once(dataset: Dataset) -> None:
    index = dataset.index
    assert len(index) == len(set(index.keys)) == len(index.subjects) > 0
    if index.official_test is not None:
        assert index.official_test.shape == (len(index),)
        assert 0 < index.official_test.sum() < len(index)


def test_every_image_has_one_class_of_every_attribute(dataset: Dataset) -> None:
    assert dataset.index.labels.keys() == dataset.attributes.keys()
    assert dataset.stratum in dataset.attributes
    for attribute, labels in dataset.index.labels.items():
        assert labels.dtype == np.int64
        assert labels.shape == (len(dataset.index),)
        assert labels.min() >= 0
        assert labels.max() < len(dataset.classes(attribute))


def test_encoded_images_are_png_or_jpeg_and_decode_to_the_images(dataset: Dataset) -> None:
    rows = range(len(dataset.index))
    contents = dataset.encoded(rows)
    assert {Image.open(io.BytesIO(content)).format for content in contents} <= {"PNG", "JPEG"}
    decoded = np.stack([decode(content, dataset.size) for content in contents])
    assert np.array_equal(dataset.images(rows), decoded)
    both = dataset.encoded_and_pixels(rows)
    assert both[0] == contents
    assert np.array_equal(both[1], decoded)
    assert decoded.std(axis=(1, 2, 3)).min() > 1  # there is something in each of them


def test_an_image_does_not_depend_on_what_else_is_asked_for(dataset: Dataset) -> None:
    whole = dataset.images(range(len(dataset.index)))
    assert np.array_equal(dataset.images([4, 1, 1]), whole[[4, 1, 1]])
    assert dataset.encoded([5]) == dataset.encoded(range(len(dataset.index)))[5:6]
    assert dataset.images([]).shape == (0, dataset.size, dataset.size, 3)


@pytest.mark.parametrize("name", REGISTRY.names())
def test_the_same_source_has_the_same_revision_wherever_it_lies(name: str, tmp_path: Path) -> None:
    here, there = tiny(name, tmp_path / "here"), tiny(name, tmp_path / "there")
    first = create(name, here.source, here.size, here.options)
    second = create(name, there.source, 2 * there.size, there.options)
    assert first.revision == second.revision


@pytest.mark.parametrize("name", REGISTRY.names())
def test_another_size_shows_the_same_picture(name: str, tmp_path: Path) -> None:
    made = tiny(name, tmp_path)
    small = create(name, made.source, made.size, made.options).images([0])
    large = create(name, made.source, 2 * made.size, made.options).images([0])
    halved = large.reshape(1, made.size, 2, made.size, 2, 3).mean((2, 4))
    assert np.abs(halved - small).mean() < 8


def test_unknown_attributes_and_options_are_named(dataset: Dataset, tmp_path: Path) -> None:
    first = next(iter(dataset.attributes))
    with pytest.raises(UnknownName, match=f"did you mean '{first}'"):
        dataset.classes(first + "x")
    with pytest.raises(UnknownOption, match="has no option 'colour'"):
        create("cifar10", str(tmp_path), 32, {"colour": True})


def test_decoding_refuses_what_is_no_image_or_has_another_size() -> None:
    with pytest.raises(CorruptData, match="photo 7 cannot be decoded"):
        decode(b"\x89PNG nothing more", 8, "photo 7")
    buffer = io.BytesIO()
    Image.new("RGB", (4, 4)).save(buffer, "PNG")
    with pytest.raises(CorruptData, match="expected 8 x 8 pixels"):
        decode(buffer.getvalue(), 8)
