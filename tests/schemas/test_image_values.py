"""Values per image: they come back as they were written, and damage is named."""

from pathlib import Path

import numpy as np
import pytest

from leakboard.schemas import CorruptData, ImageValues, ValuesHeader


@pytest.fixture
def values() -> ImageValues:
    return ImageValues(
        ValuesHeader(
            fingerprint="0" * 64, split="test", attack="decoder", metric="ssim", metric_version=1
        ),
        ["0a", "1b", "2c"],
        ["one", "one", "two"],
        np.array([0.1, 1 / 3, -0.5]),
    )


def test_what_is_written_is_read_back(tmp_path: Path, values: ImageValues) -> None:
    values.write(tmp_path / "values.parquet")
    found = ImageValues.read(tmp_path / "values.parquet")
    assert found.header == values.header
    assert (found.image, found.subject) == (values.image, values.subject)
    assert (found.value == values.value).all()


def test_damage_is_named(tmp_path: Path, values: ImageValues) -> None:
    path = tmp_path / "values.parquet"
    values.write(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(CorruptData, match=r"values\.parquet: not the values of a score"):
        ImageValues.read(path)
