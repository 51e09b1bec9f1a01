"""Health flags: each is raised by a planted case and not by the sound one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from leakboard.evaluate import fit_attack, read_truth, score
from leakboard.evaluate.scoring.anchors import attribute_anchors
from leakboard.schemas import MissingData, Release
from leakboard.schemas.files import write_text

from .conftest import WritePredictions


def certain(release: Release, shift: int = 0) -> NDArray[np.float32]:
    """Name the true class, or with `shift` another one."""
    labels = read_truth(release, "validation", None).known("sensitive").numpy()
    return np.asarray(np.eye(3, dtype=np.float32)[(labels + shift) % 3])


def inputs(release: Release) -> NDArray[np.uint8]:
    return read_truth(release, "validation", None).known("inputs").permute(0, 2, 3, 1).numpy()


def test_a_sound_attack_has_no_flag(handmade: Release, write_predictions: WritePredictions) -> None:
    assert score(handmade, write_predictions(certain(handmade))).flags == ()
    assert score(handmade, write_predictions(inputs(handmade))).flags == ()


def test_below_a_trivial_anchor(handmade: Release, write_predictions: WritePredictions) -> None:
    (flag,) = score(handmade, write_predictions(certain(handmade, shift=1))).flags
    assert flag.startswith("attack below a trivial anchor: top1 0.000, but task_output has ")
    noise = np.random.default_rng(0).integers(0, 256, (20, 16, 16, 3), np.uint8)
    (flag,) = score(handmade, write_predictions(noise)).flags
    assert flag.startswith("attack below a trivial anchor: ssim ")
    assert "but mean_image has " in flag


def test_an_attack_that_equals_the_best_guess_is_not_below_it(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    records = read_truth(handmade, "validation", None)
    guess = attribute_anchors(handmade, records)["task_output"].astype(np.float32)
    report = score(handmade, write_predictions(guess))
    assert report.scores["top1"] == report.anchors["task_output"]["top1"]
    assert report.flags == ()


def test_a_randomized_defense_attacked_without_averaging(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    once = write_predictions(certain(handmade), repeated_queries=False)
    assert score(handmade, once).flags == (
        "randomized defense attacked without averaging its repeated queries",
    )
    ceiling = write_predictions(certain(handmade), repeated_queries=False, ceiling=True)
    assert score(handmade, ceiling).flags == ()


def test_a_defense_that_answers_always_alike_needs_no_averaging(
    release: Release, tmp_path: Path
) -> None:
    assert not release.manifest.defense.randomized
    predictions = fit_attack(release, "prior", {}).predict("validation")
    assert not predictions.header.repeated_queries
    predictions.write(tmp_path / "prior.parquet")
    flags = score(release, tmp_path / "prior.parquet").flags
    assert not [flag for flag in flags if "randomized" in flag]


def test_utility_measured_on_other_weights(
    handmade: Release, write_predictions: WritePredictions, tmp_path: Path
) -> None:
    shutil.copytree(handmade.folder, tmp_path / "copy")
    copy = Release.open(tmp_path / "copy")
    path = write_predictions(certain(handmade))
    assert score(copy, path).flags == ()
    stated = copy.measurements
    better = stated.utility["validation"].model_copy(update={"value": 0.99})
    changed = stated.model_copy(update={"utility": {**stated.utility, "validation": better}})
    write_text(copy.folder / "measurements.json", changed.to_json())
    (flag,) = score(copy, path).flags
    assert flag.startswith("utility measured on other weights: measurements.json says 0.990, but ")
    (copy.folder / "measurements.json").unlink()
    with pytest.raises(MissingData, match=r"measurements\.json is missing"):
        score(copy, path)


def test_prior_hallucination(handmade: Release, write_predictions: WritePredictions) -> None:
    images = inputs(handmade)
    another = np.roll(images, 7, axis=0)  # seven images on is another subject
    flags = score(handmade, write_predictions(another)).flags
    assert [flag for flag in flags if flag.startswith("prior hallucination: as sharp as real")]


def test_a_faint_likeness_is_no_hallucination(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    images = inputs(handmade)
    blend = (0.5 * images + 0.5 * np.roll(images, 7, axis=0)).astype(np.uint8)
    assert not _hallucinates(score(handmade, write_predictions(blend)).flags)


def test_what_does_not_look_real_is_no_hallucination(
    handmade: Release, write_predictions: WritePredictions
) -> None:
    grey = np.full_like(inputs(handmade), 128)
    assert not _hallucinates(score(handmade, write_predictions(grey)).flags)


def _hallucinates(flags: tuple[str, ...]) -> bool:
    return any(flag.startswith("prior hallucination") for flag in flags)
