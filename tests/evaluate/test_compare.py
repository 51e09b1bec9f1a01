"""Paired comparison: ties, what separates two attacks, and how often chance does."""

from collections.abc import Sequence
from math import comb
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest, norm, ttest_rel

from leakboard.evaluate import compare, read_truth, score
from leakboard.evaluate.metrics import AttributeOutcome, ReconstructionOutcome
from leakboard.evaluate.scoring.compare import compared, detectable, p_of_swaps, pairs
from leakboard.schemas import BadPredictions, ComparisonReport, Release, Track

from .conftest import WritePredictions, asked_ids

Probabilities = NDArray[np.float32]


def outcome(probabilities: NDArray[np.floating], labels: NDArray[np.int64]) -> AttributeOutcome:
    guess = labels == 0
    return AttributeOutcome(probabilities, labels, guess, guess, task=np.zeros_like(labels))


def guesses(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities of two classes that are right where they are said to be."""
    return np.eye(2)[np.where(right, labels, 1 - labels)] * 0.8 + 0.1


def names(count: int) -> list[str]:
    return [f"subject {number}" for number in range(count)]


def p_of_top1(a: NDArray[np.bool_], b: NDArray[np.bool_], subjects: Sequence[str]) -> float:
    labels = np.arange(len(a)) % 2
    both = pairs(
        Track.ATTRIBUTE, outcome(guesses(a, labels), labels), outcome(guesses(b, labels), labels)
    )
    return p_of_swaps(both["top1"], subjects)


def written(
    write_predictions: WritePredictions, path: Path, values: NDArray[np.generic], **header: object
) -> Path:
    return write_predictions(values, **header).rename(path)


def test_two_equal_files_are_tied_with_p_1(
    handmade: Release, write_predictions: WritePredictions, tmp_path: Path
) -> None:
    guess = np.random.default_rng(0).dirichlet(np.ones(3), 20).astype(np.float32)
    a = written(write_predictions, tmp_path / "a", guess)
    b = written(write_predictions, tmp_path / "b", guess)
    report = compare(handmade, a, b)
    assert list(report.metrics) == ["top1", "auc", "balanced_accuracy", "tpr_at_fpr"]
    for one in report.metrics.values():
        assert (one.difference, one.low, one.high, one.p, one.p_adjusted) == (0, 0, 0, 1, 1)
        assert one.tied
        assert one.leaks_more is None
        assert one.detectable is None
    assert ComparisonReport.model_validate_json(report.model_dump_json()) == report


def test_the_values_are_those_of_the_scorer_and_the_names_those_of_the_files(
    handmade: Release, write_predictions: WritePredictions, tmp_path: Path
) -> None:
    truth = read_truth(handmade, "validation", None).known("inputs").permute(0, 2, 3, 1).numpy()
    noise = np.random.default_rng(0).integers(-40, 40, truth.shape)
    near = (truth + noise).clip(0, 255).astype(np.uint8)
    far = (truth + 2 * noise).clip(0, 255).astype(np.uint8)
    a = written(write_predictions, tmp_path / "a", near, attack="near")
    b = written(write_predictions, tmp_path / "b", far, attack="far")
    report = compare(handmade, a, b)
    assert (report.a.attack, report.b.attack, report.n, report.subjects) == ("near", "far", 20, 10)
    for path, found in (
        (a, [c.a for c in report.metrics.values()]),
        (b, [c.b for c in report.metrics.values()]),
    ):
        assert found == list(score(handmade, path).scores.values())
    # nearer images leak more: more similar, with less error
    assert {one.leaks_more for one in report.metrics.values()} == {"a"}
    assert report.metrics["l1"].difference < 0 < report.metrics["ssim"].difference


def test_swapping_the_files_swaps_the_answer() -> None:
    random = np.random.default_rng(0)
    labels = np.arange(300) % 2
    a, b = (outcome(guesses(random.random(300) < share, labels), labels) for share in (0.7, 0.5))
    there, back = (
        compared(pairs(Track.ATTRIBUTE, *order), names(300)) for order in ((a, b), (b, a))
    )
    for name in there:
        assert there[name].difference == -back[name].difference
        assert there[name].p == back[name].p
    assert (there["top1"].leaks_more, back["top1"].leaks_more) == ("a", "b")


def test_an_advantage_is_not_counted_as_another_metric() -> None:
    labels = np.arange(40) % 2
    random = np.random.default_rng(0)
    a, b = (outcome(guesses(random.random(40) < 0.6, labels), labels) for _ in "ab")
    assert not [name for name in pairs(Track.ATTRIBUTE, a, b) if name.startswith("advantage")]


def test_without_clusters_it_is_the_exact_test_of_mcnemar() -> None:
    """Where a is right n10 times and b n01 times alone, swaps are fair coins."""
    for only_a, only_b in ((8, 2), (5, 5), (6, 0)):
        a, b = np.ones(50, bool), np.ones(50, bool)
        a[only_a : only_a + only_b] = False
        b[:only_a] = False
        exact = binomtest(only_a, only_a + only_b).pvalue
        assert p_of_top1(a, b, names(50)) == pytest.approx(exact, abs=0.04)


def test_with_many_images_it_is_the_paired_t_test() -> None:
    random = np.random.default_rng(0)
    images = random.random((2000, 12, 12, 3))
    near, far = (
        (
            images
            + random.normal(0, 0.2, images.shape) * random.uniform(0.5, 1.5 * much, (2000, 1, 1, 1))
        )
        for much in (1, 1.02)
    )
    both = pairs(
        Track.RECONSTRUCTION,
        ReconstructionOutcome(near, images),
        ReconstructionOutcome(far, images),
    )
    pair = both["l1"]
    everyone = np.eye(2000)
    exact = ttest_rel(pair.a(everyone), pair.b(everyone)).pvalue
    assert 0.01 < exact < 0.9
    assert p_of_swaps(pair, names(2000)) == pytest.approx(exact, abs=0.05)


def test_images_of_one_subject_are_one_piece_of_evidence() -> None:
    """Eight of ten subjects in favour: chance. Four images of each do not change that."""
    a = np.array([True] * 8 + [False] * 2)
    subjects = [name for name in names(10) for _ in range(4)]
    clustered = p_of_top1(np.repeat(a, 4), np.repeat(~a, 4), subjects)
    assert clustered == pytest.approx(2 * sum(comb(10, k) for k in range(3)) / 2**10, abs=0.04)
    assert p_of_top1(np.repeat(a, 4), np.repeat(~a, 4), names(40)) < 0.01


def test_the_difference_that_n_can_show_shrinks_with_its_root() -> None:
    random = np.random.default_rng(0)
    few, many = (detectable(random.normal(0, 1 / np.sqrt(n), 100_000), n) for n in (100, 400))
    assert few is not None
    assert many is not None
    assert few == pytest.approx((norm.ppf(0.975) + norm.ppf(0.8)) / 10, rel=0.02)
    assert few / many == pytest.approx(2, rel=0.03)


def test_different_questions_are_not_compared(
    handmade: Release, write_predictions: WritePredictions, tmp_path: Path
) -> None:
    guess = np.full((20, 3), 1 / 3, np.float32)
    a = written(write_predictions, tmp_path / "a", guess)
    b = written(write_predictions, tmp_path / "b", guess[:12], split="test")
    with pytest.raises(BadPredictions, match="compare predictions of the same images"):
        compare(handmade, a, b)
    images = written(write_predictions, tmp_path / "c", np.zeros((20, 16, 16, 3), np.uint8))
    with pytest.raises(BadPredictions, match="predicts reconstruction of 'validation'"):
        compare(handmade, a, images)


def test_an_attack_on_the_first_images_is_compared_on_these(
    handmade: Release, write_predictions: WritePredictions, tmp_path: Path
) -> None:
    guess = np.random.default_rng(0).dirichlet(np.ones(3), 20).astype(np.float32)
    ids = asked_ids(handmade, "validation")
    whole = written(write_predictions, tmp_path / "whole", guess[::-1], ids=ids[::-1])
    first = written(write_predictions, tmp_path / "first", guess[:12], ids=ids[:12], asked=12)
    for report in (compare(handmade, whole, first), compare(handmade, first, whole)):
        assert report.n == 12
        assert {one.p for one in report.metrics.values()} == {1.0}


@pytest.mark.slow
def test_chance_separates_equal_attacks_no_more_often_than_the_level() -> None:
    """Two attacks of one strength on 1 to 4 images of each of 200 subjects, 1,000 times over.

    They are right on much the same subjects, and one of them has scores on another scale.
    """
    found: dict[str, list[bool]] = {}
    for seed in range(1000):
        random = np.random.default_rng(seed)
        subject = np.repeat(np.arange(200), random.integers(1, 5, 200))
        labels = random.integers(0, 2, 200)[subject]
        seen = 0.6 * random.normal(size=200)[subject] + 1.5 * labels - 0.75
        a, b = (
            norm.cdf(scale * (seen + 0.8 * random.normal(size=len(subject)))) for scale in (1, 0.3)
        )
        both = pairs(
            Track.ATTRIBUTE, *(outcome(np.stack([1 - p, p], axis=1), labels) for p in (a, b))
        )
        for name in ("top1", "auc"):
            p = p_of_swaps(both[name], subject.astype(str).tolist(), 100, seed)
            found.setdefault(name, []).append(p <= 0.05)
    for rejected in found.values():  # beyond the level only as far as 1,000 draws may be
        assert binomtest(sum(rejected), 1000, 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.slow
def test_the_detectable_difference_is_found_four_times_in_five() -> None:
    shown = []
    for seed in range(400):
        random = np.random.default_rng(seed)
        labels = np.arange(300) % 2
        first, second = random.random(300), random.random(300)
        b = first < 0.5
        a = np.where(random.random(300) < 0.4, second < 0.6025, first < 0.55)
        both = pairs(
            Track.ATTRIBUTE, *(outcome(guesses(right, labels), labels) for right in (a, b))
        )
        (found,) = compared({"top1": both["top1"]}, names(300), 400, seed).values()
        shown.append((not found.tied, found.detectable))
    truth = 0.4 * 0.6025 + 0.6 * 0.55 - 0.5
    power = np.mean([found for found, _ in shown])
    smallest = float(np.mean([size for _, size in shown if size]))
    assert truth == pytest.approx(smallest, abs=0.01)
    assert 0.7 <= power <= 0.9
