"""What is read of the images that a randomized defense was asked about again and again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakboard.evaluate import read_truth, score
from leakboard.evaluate.scoring.intervals import estimates
from leakboard.schemas import Release

from .conftest import WritePredictions, asked_ids, write_release

AGAIN = 5  # of 12 test images


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The first images of its test split were asked about again."""
    return write_release(tmp_path_factory.mktemp("some") / "release", seed=3, asked_again=AGAIN)


def right_about_the_first(release: Release, write: Callable[..., Path], **header: Any) -> Path:
    """Predictions that are right about the first 4 test images and wrong about all others."""
    truth = read_truth(release, "test", None).known("sensitive").numpy()
    said = np.where(np.arange(len(truth)) < 4, truth, (truth + 1) % 3)
    ids = asked_ids(release, "test")
    fingerprint = release.manifest.fingerprint
    values = np.eye(3, dtype=np.float32)[said]
    return write(values, "test", ids=ids, fingerprint=fingerprint, **header)


def test_they_alone_are_counted(some: Release, write_predictions: WritePredictions) -> None:
    report = score(some, right_about_the_first(some, write_predictions))
    assert report.repeated is not None
    assert (report.headline.value, report.headline.n) == (4 / 12, 12)
    assert (report.repeated.value, report.repeated.n) == (4 / AGAIN, AGAIN)
    assert report.scores["top1@16"] == report.repeated


def test_the_interval_is_that_of_their_subjects(
    some: Release, write_predictions: WritePredictions
) -> None:
    again = score(some, right_about_the_first(some, write_predictions)).repeated
    right = np.arange(AGAIN) < 4
    subjects = (read_truth(some, "test", None).subject or ())[:AGAIN]
    expected = estimates({"share": lambda w: w @ right / w.sum(axis=1)}, subjects)["share"]
    assert again is not None
    assert (again.low, again.high) == pytest.approx((expected.low, expected.high))


def test_where_every_image_is_asked_about_again_they_are_all(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    report = score(handmade, right_about_the_first(handmade, write_predictions))
    assert report.repeated == report.headline.model_copy(update={"metric": "top1@16"})


@pytest.mark.parametrize("header", [{"repeated_queries": False}, {"ceiling": True}])
def test_who_did_not_see_the_answers_is_not_scored_on_them(
    some: Release, write_predictions: WritePredictions, header: dict[str, bool]
) -> None:
    report = score(some, right_about_the_first(some, write_predictions, **header))
    assert report.repeated is None


def test_validation_asked_once_has_none(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    images = read_truth(handmade, "validation", None).known("inputs").permute(0, 2, 3, 1).numpy()
    assert score(handmade, write_predictions(images)).repeated is None
