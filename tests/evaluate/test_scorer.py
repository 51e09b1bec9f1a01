"""The scorer: the right images, the right anchors, the same report every time."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from leakboard.evaluate import read_records, read_truth, score, scored
from leakboard.evaluate.attacks import REGISTRY
from leakboard.evaluate.metrics import metrics_of
from leakboard.evaluate.run import to_uint8
from leakboard.evaluate.scoring.anchors import attribute_anchors, reconstruction_anchors
from leakboard.schemas import (
    BadPredictions,
    ChecksumMismatch,
    MissingData,
    Release,
    ScoreReport,
    Track,
    default_truth,
)

from .conftest import WritePredictions, asked_ids, write_release

TRACK_ANCHORS = {
    Track.ATTRIBUTE: ["majority", "task_output"],
    Track.RECONSTRUCTION: ["mean_image", "thumbnail_8x8", "copy"],
}
LACKING = {  # the images are small and few, and there are neither weights nor a judge
    Track.ATTRIBUTE: {"worst_group"},
    Track.RECONSTRUCTION: {"lpips", "ms_ssim", "rank1", "tar_at_far"},
}
each_track = pytest.mark.parametrize("track", Track)


def predicted(release: Release, track: Track, split: str = "validation") -> NDArray[Any]:
    """What an attack might say: partly right."""
    random = np.random.default_rng(0)
    records = read_truth(release, split, None)
    if track is Track.ATTRIBUTE:
        weights = random.gamma(1.0, size=(len(records), 3)).astype(np.float32)
        weights += np.eye(3, dtype=np.float32)[records.known("sensitive").numpy()]
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))
    inputs = records.known("inputs").permute(0, 2, 3, 1).numpy()
    return (inputs + random.normal(0, 20, inputs.shape)).clip(0, 255).astype(np.uint8)


@pytest.fixture
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@each_track
@pytest.mark.parametrize(("split", "images"), [("validation", 20), ("test", 12)])
def test_a_report_holds_every_metric_of_the_track_for_attack_and_anchors(
    handmade: Release, write_predictions: WritePredictions, track: Track, split: str, images: int
) -> None:
    path = write_predictions(
        predicted(handmade, track, split), split, options={"epochs": 3}, ceiling=True
    )
    report = score(handmade, path)
    known = [name for name in metrics_of(track) if name not in report.missing]
    assert list(report.scores) == known
    assert report.missing.keys() <= LACKING[track]
    assert list(report.anchors) == TRACK_ANCHORS[track]
    assert {tuple(scores) for scores in report.anchors.values()} == {tuple(report.scores)}
    assert {one.n for one in report.scores.values()} == {images}
    assert (report.attack, report.options, report.ceiling) == (
        "handmade attack",
        {"epochs": 3},
        True,
    )
    assert (report.split, report.fingerprint) == (split, handmade.manifest.fingerprint)
    assert ScoreReport.model_validate_json(report.model_dump_json()) == report


@each_track
def test_the_report_is_bit_for_bit_the_same(
    handmade: Release, write_predictions: WritePredictions, track: Track, threads: None
) -> None:
    values = predicted(handmade, track)
    ids = np.array(asked_ids(handmade, "validation"))
    reports: list[str] = []
    for count in (1, 2, 2):
        torch.set_num_threads(count)
        order = np.random.default_rng(len(reports)).permutation(len(ids))
        path = write_predictions(values[order], ids=ids[order].tolist())
        reports.append(score(handmade, path).model_dump_json())
    assert len(set(reports)) == 1


def test_the_parts_of_a_score_agree(handmade: Release, write_predictions: WritePredictions) -> None:
    report = score(handmade, write_predictions(predicted(handmade, Track.ATTRIBUTE)))
    top1 = {name: anchor["top1"].value for name, anchor in report.anchors.items()}
    own = report.scores
    for anchor in ("majority", "task_output"):
        gain = own["top1"].value - top1[anchor]
        assert own[f"advantage_over_{anchor}"].value == pytest.approx(gain, abs=1e-15)
        itself = report.anchors[anchor][f"advantage_over_{anchor}"]
        assert (itself.low, itself.value, itself.high) == (0.0, 0.0, 0.0)


def test_a_perfect_attack_reaches_the_end_of_every_scale(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    truth = read_truth(handmade, "validation", None)
    certain = np.eye(3, dtype=np.float32)[truth.known("sensitive").numpy()]
    attribute = score(handmade, write_predictions(certain)).scores
    for name in ("top1", "balanced_accuracy", "auc"):
        assert (attribute[name].low, attribute[name].value) == (1.0, 1.0)
    # a dozen images of other classes do not tell where one in a hundred would lie
    assert (attribute["tpr_at_fpr"].low, attribute["tpr_at_fpr"].value) == (0.0, 1.0)
    images = truth.known("inputs").permute(0, 2, 3, 1).numpy()
    report = score(handmade, write_predictions(images))
    assert report.scores == report.anchors["copy"]
    assert {name: one.value for name, one in report.scores.items()} == {
        "ssim": 1.0,
        "l1": 0.0,
        "mse": 0.0,
        "psnr": 100.0,
    }
    assert report.flags == ()


@pytest.mark.parametrize(
    ("track", "given", "anchor"),
    [
        (Track.ATTRIBUTE, "nothing", "majority"),
        (Track.ATTRIBUTE, "task_output", "task_output"),
        (Track.RECONSTRUCTION, "nothing", "mean_image"),
    ],
)
def test_anchors_are_what_the_prior_attack_predicts(
    handmade: Release, track: Track, given: str, anchor: str
) -> None:
    prior = REGISTRY.create("prior", {"track": track, "given": given})
    prior.fit(read_records(handmade, "auxiliary"))
    records = read_truth(handmade, "validation", None)
    if track is Track.ATTRIBUTE:
        guesses = attribute_anchors(handmade, records)[anchor]
        assert guesses == pytest.approx(prior.predict(records).numpy())
    else:
        images = reconstruction_anchors(handmade, records)[anchor].astype(int)
        assert np.abs(images - to_uint8(prior.predict(records))).max() <= 1  # halves, either way


def test_the_thumbnail_keeps_64_averages(handmade: Release) -> None:
    records = read_truth(handmade, "validation", None)
    inputs = records.known("inputs").permute(0, 2, 3, 1).numpy()
    shown = reconstruction_anchors(handmade, records)["thumbnail_8x8"]
    assert shown.shape == inputs.shape
    averages = inputs.reshape(-1, 8, 2, 8, 2, 3).mean(axis=(2, 4))
    # twice as large with half-pixel centres: 1/4 and 3/4 of two neighbours in each direction
    inner = averages[:, 0, 0] * 9 + 3 * (averages[:, 0, 1] + averages[:, 1, 0]) + averages[:, 1, 1]
    assert shown[:, 0, 0] == pytest.approx(averages[:, 0, 0], abs=0.51)
    assert shown[:, 1, 1] == pytest.approx(inner / 16, abs=0.51)


@each_track
def test_values_are_kept_per_image_whatever_the_order_of_the_rows(
    handmade: Release, write_predictions: WritePredictions, track: Track
) -> None:
    predictions = predicted(handmade, track)
    ids = np.array(asked_ids(handmade, "validation"))
    first = scored(handmade, write_predictions(predictions))
    again = scored(handmade, write_predictions(predictions[::-1], ids=ids[::-1].tolist()))
    assert (first.values.value == again.values.value).all()
    assert first.values.value.mean() == pytest.approx(first.report.headline.value, abs=1e-12)
    inputs = read_truth(handmade, "validation", None).known("inputs").numpy()
    digests = sorted(hashlib.sha256(pixels).hexdigest()[:32] for pixels in inputs)
    assert first.values.image == again.values.image == digests
    assert len(set(first.values.subject)) == 10


# What cannot be scored ---------------------------------------------------------------------------


def test_predictions_of_training_data_are_refused(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    path = write_predictions(predicted(handmade, Track.ATTRIBUTE, "auxiliary"), "auxiliary")
    with pytest.raises(BadPredictions, match="attacks are trained on 'auxiliary'"):
        score(handmade, path)


def test_only_the_first_query_of_an_image_is_asked_for(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    every = handmade.table("test", ("sample_id",)).column("sample_id").to_pylist()
    path = write_predictions(np.full((24, 3), 1 / 3, np.float32), "test", ids=every)
    with pytest.raises(BadPredictions, match="12 ids are not asked for"):
        score(handmade, path)


def test_the_test_split_needs_its_own_truth(
    handmade: Release, write_predictions: WritePredictions, tmp_path: Path
) -> None:
    path = write_predictions(predicted(handmade, Track.ATTRIBUTE, "test"), "test")
    shutil.copytree(default_truth(handmade.folder), tmp_path / "truth")
    assert score(handmade, path, tmp_path / "truth") == score(handmade, path)
    with pytest.raises(MissingData, match="name it with --truth DIR"):
        score(handmade, path, tmp_path / "nowhere")
    other = write_release(tmp_path / "other", seed=1)
    with pytest.raises(ChecksumMismatch, match="these answers belong to the release"):
        score(handmade, path, default_truth(other.folder))
