"""Metrics against independent implementations, closed forms and invariants."""

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    roc_auc_score,
    roc_curve,
)
from torchmetrics.functional.image import structural_similarity_index_measure

from leakboard.evaluate import metrics as metrics_module
from leakboard.evaluate.judging.identity import Identity
from leakboard.evaluate.metrics import (
    REGISTRY,
    AttributeOutcome,
    MeanMetric,
    Metric,
    ReconstructionOutcome,
    lpips,
    metrics_of,
)
from leakboard.schemas import Direction, Track, UsageError
from leakboard.schemas.scores import HEADLINE

Floats = NDArray[np.float64]
Outcome = AttributeOutcome | ReconstructionOutcome
each_metric = pytest.mark.parametrize("name", REGISTRY.names())
each_class_count = pytest.mark.parametrize("classes", [2, 3, 10])


def guesses(
    classes: int, count: int = 300, levels: int | None = None, seed: int = 0
) -> AttributeOutcome:
    """Predictions that are better than chance; with `levels`, many of them tie."""
    random = np.random.default_rng(seed)
    labels = np.append(np.arange(classes), random.integers(0, classes, count - classes))
    weights = random.gamma(0.7, size=(count, classes)) + np.eye(classes)[labels]
    if levels:
        weights = np.ceil(weights * levels)
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    task = random.integers(0, 3, count)
    return AttributeOutcome(probabilities, labels, labels == 0, labels == labels[0], task)


def pictures(count: int = 6, size: int = 24, seed: int = 0) -> ReconstructionOutcome:
    random = np.random.default_rng(seed)
    truth = random.integers(0, 256, (count, size, size, 3), np.uint8)
    noise = random.normal(0, 40, truth.shape)
    predicted = (truth + noise).clip(0, 255).astype(np.uint8)
    return ReconstructionOutcome(predicted, truth, seen(random.normal(size=(count, 500)) / 3))


def seen(similarity: Floats) -> Identity:
    """What a judge sees who finds image n more like person n than chance; image 0 is no probe."""
    own = np.arange(len(similarity))
    return Identity(similarity + np.eye(*similarity.shape), own, own > 0)


def outcome_for(metric: Metric[Any]) -> Outcome:
    if metric.track is Track.ATTRIBUTE:
        return guesses(3)
    small = pictures()
    return pictures(count=4, size=176) if metric.lacks(small) else small


def rows(outcome: Outcome, order: NDArray[np.intp]) -> Outcome:
    def taken(values: Any) -> Any:
        if isinstance(values, Identity):
            return Identity(*(each[order] for each in vars(values).values()))
        return None if values is None else values[order]

    return type(outcome)(*(taken(getattr(outcome, field.name)) for field in fields(outcome)))


def value(metric: Metric[Any], outcome: Outcome, weights: Floats | None = None) -> float:
    counts = np.ones(len(outcome)) if weights is None else weights
    return float(metric.statistic(outcome)(counts[None])[0])


def make(name: str) -> Metric[Any]:
    metric: Metric[Any] = REGISTRY.create(name, {})
    return metric


@pytest.fixture(autouse=True)
def weights_at_hand(lpips_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lpips, "WEIGHTS", lpips_weights)


# What every metric promises ----------------------------------------------------------------------


@each_metric
def test_a_metric_states_what_it_is(name: str) -> None:
    metric = make(name)
    assert isinstance(metric.track, Track)
    assert isinstance(metric.direction, Direction)
    assert metric.version >= 1
    assert (type(metric).__doc__ or "").splitlines()[0].endswith(".")
    low, high = metric.range
    assert low <= value(metric, outcome_for(metric)) <= high


@each_metric
def test_row_order_changes_nothing(name: str) -> None:
    metric = make(name)
    outcome = outcome_for(metric)
    count = len(outcome)
    shuffled = rows(outcome, np.random.default_rng(1).permutation(count))
    assert value(metric, shuffled) == pytest.approx(value(metric, outcome), abs=1e-14)


@each_metric
def test_a_weight_is_a_number_of_copies(name: str) -> None:
    metric = make(name)
    outcome = outcome_for(metric)
    count = len(outcome)
    weights = np.random.default_rng(2).integers(0, 4, count)
    copies = rows(outcome, np.repeat(np.arange(count), weights))
    weighted = value(metric, outcome, weights.astype(float))
    assert weighted == pytest.approx(value(metric, copies), abs=1e-14)


@each_metric
def test_replicates_do_not_depend_on_each_other(name: str) -> None:
    metric = make(name)
    outcome = outcome_for(metric)
    count = len(outcome)
    weights = np.random.default_rng(3).integers(0, 4, (5, count)).astype(float)
    together = metric.statistic(outcome)(weights)
    assert together.tolist() == [value(metric, outcome, one) for one in weights]


@each_metric
def test_the_truth_itself_leaks_most(name: str) -> None:
    metric = make(name)
    ours = outcome_for(metric)
    if isinstance(ours, AttributeOutcome):
        oracle: Outcome = replace(ours, probabilities=np.eye(3)[ours.labels])
    else:
        oracle = ReconstructionOutcome(ours.truth, ours.truth, seen(np.zeros((6, 500))))
    sign = 1 if metric.direction is Direction.HIGHER_LEAKS_MORE else -1
    assert sign * value(metric, oracle) > sign * value(metric, ours)


@pytest.mark.parametrize("track", Track)
def test_the_metric_a_track_is_ranked_by_comes_first(track: Track) -> None:
    names = list(metrics_of(track))
    assert names[0] == HEADLINE[track]
    assert {make(name).track for name in names} == {track}


# Attribute track ---------------------------------------------------------------------------------


def sklearn_auc(outcome: AttributeOutcome, weights: Floats) -> float:
    if outcome.probabilities.shape[1] == 2:
        return float(
            roc_auc_score(outcome.labels, outcome.probabilities[:, 1], sample_weight=weights)
        )
    return float(
        roc_auc_score(
            outcome.labels, outcome.probabilities, multi_class="ovr", sample_weight=weights
        )
    )


def sklearn_tpr_at_fpr(outcome: AttributeOutcome, weights: Floats) -> float:
    rates = []
    for label in range(outcome.probabilities.shape[1]):
        false, true, _ = roc_curve(
            outcome.labels == label,
            outcome.probabilities[:, label],
            sample_weight=weights,
            drop_intermediate=False,
        )
        rates.append(true[false <= 0.01].max())
    return float(np.mean(rates))


def sklearn_top1(outcome: AttributeOutcome, weights: Floats) -> float:
    predicted = outcome.probabilities.argmax(axis=1)
    return float(accuracy_score(outcome.labels, predicted, sample_weight=weights))


def sklearn_balanced_accuracy(outcome: AttributeOutcome, weights: Floats) -> float:
    predicted = outcome.probabilities.argmax(axis=1)
    return float(balanced_accuracy_score(outcome.labels, predicted, sample_weight=weights))


REFERENCES: dict[str, Callable[[AttributeOutcome, Floats], float]] = {
    "top1": sklearn_top1,
    "balanced_accuracy": sklearn_balanced_accuracy,
    "auc": sklearn_auc,
    "tpr_at_fpr": sklearn_tpr_at_fpr,
}


@pytest.mark.parametrize("name", REFERENCES)
@pytest.mark.parametrize("levels", [None, 2], ids=["distinct", "tied"])
@each_class_count
def test_equals_scikit_learn_also_under_weights(
    name: str, classes: int, levels: int | None
) -> None:
    outcome = guesses(classes, levels=levels)
    weights = np.random.default_rng(4).integers(0, 5, (4, 300)).astype(float)
    ours = make(name).statistic(outcome)(weights)
    expected = [REFERENCES[name](outcome, one) for one in weights]
    assert ours == pytest.approx(expected, abs=1e-12)


def test_the_advantage_is_the_difference_of_two_accuracies() -> None:
    outcome = guesses(3)
    top1 = value(make("top1"), outcome)
    over_majority = value(make("advantage_over_majority"), outcome)
    over_output = value(make("advantage_over_task_output"), outcome)
    assert over_majority == pytest.approx(top1 - outcome.majority.mean(), abs=1e-15)
    assert over_output == pytest.approx(top1 - outcome.task_output.mean(), abs=1e-15)


def test_predictions_that_say_nothing_are_at_chance() -> None:
    silent = replace(guesses(4), probabilities=np.full((300, 4), 0.25))
    assert value(make("auc"), silent) == 0.5
    assert value(make("balanced_accuracy"), silent) == 0.25
    assert value(make("tpr_at_fpr"), silent) == 0.0


@pytest.mark.parametrize(("negatives", "recognised"), [(100, 1.0), (99, 0.0)])
def test_one_false_positive_is_allowed_among_a_hundred_negatives(
    negatives: int, recognised: float
) -> None:
    ranked_first = [0.9]  # an image of class 0 that looks more like class 1 than any of class 1
    scores = np.concatenate([ranked_first, np.linspace(0, 0.5, negatives - 1), np.full(10, 0.8)])
    labels = np.repeat([0, 1], [negatives, 10])
    outcome = AttributeOutcome(
        np.stack([1 - scores, scores], axis=1), labels, labels == 0, labels == 0, 0 * labels
    )
    of_class_0 = (negatives - 1) / negatives
    assert value(make("tpr_at_fpr"), outcome) == pytest.approx((of_class_0 + recognised) / 2)


@pytest.mark.parametrize("name", ["balanced_accuracy", "auc", "tpr_at_fpr"])
def test_a_class_without_images_is_left_out(name: str) -> None:
    outcome = guesses(4)
    present = outcome.labels != 3
    fewer = rows(outcome, np.flatnonzero(present))
    assert value(make(name), outcome, present.astype(float)) == value(make(name), fewer)


@pytest.mark.parametrize("name", ["auc", "tpr_at_fpr"])
def test_ranking_needs_two_classes(name: str) -> None:
    outcome = guesses(3)
    alike = rows(outcome, np.flatnonzero(outcome.labels == 1))
    with pytest.raises(UsageError, match=r"at least two classes, but all \d+ are of class 1"):
        make(name).statistic(alike)
    undefined = value(make(name), outcome, (outcome.labels == 1).astype(float))
    assert np.isnan(undefined)


def test_the_worst_group_is_the_task_class_that_leaks_most() -> None:
    outcome = guesses(3)
    gains = [
        outcome.correct[outcome.task == task].mean()
        - outcome.task_output[outcome.task == task].mean()
        for task in range(3)
    ]
    assert value(make("worst_group"), outcome) == pytest.approx(max(gains), abs=1e-15)
    one_group = replace(outcome, task=0 * outcome.task)
    average = value(make("advantage_over_task_output"), outcome)
    assert value(make("worst_group"), one_group) == pytest.approx(average, abs=1e-15)


def test_a_small_group_or_one_that_is_not_drawn_is_not_the_worst() -> None:
    outcome = guesses(3)
    largest = value(make("worst_group"), replace(outcome, task=0 * outcome.task))
    lucky = np.flatnonzero(outcome.correct & ~outcome.task_output)[:19]  # advantage 1
    outcome.task[:] = 0
    outcome.task[lucky] = 1
    assert value(make("worst_group"), outcome) < largest
    only_lucky = np.zeros(len(outcome))
    only_lucky[lucky] = 1
    assert np.isnan(value(make("worst_group"), outcome, only_lucky))


def test_groups_of_a_few_images_have_no_worst() -> None:
    few = rows(guesses(3), np.arange(40))
    assert isinstance(few, AttributeOutcome)
    reason = make("worst_group").lacks(replace(few, task=np.arange(40) % 3))
    assert (
        reason == "worst_group needs a task class with at least 20 images, but the largest has 14"
    )


# Reconstruction track ----------------------------------------------------------------------------


def test_l1_mse_and_psnr_of_a_constant_difference() -> None:
    truth = np.zeros((3, 16, 16, 3))
    outcome = ReconstructionOutcome(truth + 0.25, truth)
    assert value(make("l1"), outcome) == 0.25
    assert value(make("mse"), outcome) == 0.0625
    assert value(make("psnr"), outcome) == pytest.approx(-20 * np.log10(0.25))


@pytest.mark.parametrize("name", ["l1", "mse", "psnr", "ssim"])
def test_bytes_and_unit_floats_score_the_same(name: str) -> None:
    outcome = pictures()
    floats = ReconstructionOutcome(outcome.predicted / 255, outcome.truth / 255)
    mixed = ReconstructionOutcome(outcome.predicted / 255, outcome.truth)
    assert value(make(name), floats) == value(make(name), outcome) == value(make(name), mixed)


@pytest.mark.parametrize("name", ["l1", "mse", "psnr", "ssim"])
def test_swapping_the_images_changes_nothing(name: str) -> None:
    outcome = pictures()
    swapped = ReconstructionOutcome(outcome.truth, outcome.predicted)
    assert value(make(name), swapped) == pytest.approx(value(make(name), outcome), abs=1e-14)


def test_l1_does_not_wrap_around_as_bytes_do() -> None:
    outcome = ReconstructionOutcome(
        np.full((1, 16, 16, 3), 10, np.uint8), np.full((1, 16, 16, 3), 20, np.uint8)
    )
    assert value(make("l1"), outcome) == pytest.approx(10 / 255)
    assert (outcome.predicted - outcome.truth).mean() == 246  # what the DISCO paper's table shows


def test_l1_is_at_most_the_root_of_mse() -> None:
    for seed in range(5):
        outcome = pictures(count=1, seed=seed)
        assert value(make("l1"), outcome) <= np.sqrt(value(make("mse"), outcome))


def test_psnr_equals_scikit_image_per_image() -> None:
    outcome = pictures()
    expected = [
        peak_signal_noise_ratio(t, p) for t, p in zip(outcome.truth, outcome.predicted, strict=True)
    ]
    assert value(make("psnr"), outcome) == pytest.approx(np.mean(expected), abs=1e-10)


def test_psnr_has_peak_1_on_unit_images() -> None:
    outcome = pictures(count=1)
    floats = (outcome.truth[0] / 255, outcome.predicted[0] / 255)
    wrong = peak_signal_noise_ratio(*floats, data_range=255)  # as some published scores have it
    assert wrong - value(make("psnr"), outcome) == pytest.approx(20 * np.log10(255))
    assert 20 * np.log10(255) == pytest.approx(48.13, abs=0.005)


def test_psnr_is_averaged_over_images_not_over_errors() -> None:
    truth = np.zeros((2, 16, 16, 3))
    predicted = np.stack([np.full((16, 16, 3), 0.1), np.full((16, 16, 3), 0.001)])
    outcome = ReconstructionOutcome(predicted, truth)
    assert value(make("psnr"), outcome) == pytest.approx((20 + 60) / 2)
    assert -10 * np.log10(value(make("mse"), outcome)) == pytest.approx(23.01, abs=0.01)


def test_an_exact_copy_has_the_capped_psnr_and_the_closest_miss_less() -> None:
    truth = pictures(count=1, size=112).truth
    miss = truth.copy()
    miss[0, 0, 0, 0] ^= 1
    assert value(make("psnr"), ReconstructionOutcome(truth, truth)) == 100.0
    assert value(make("psnr"), ReconstructionOutcome(miss, truth)) == pytest.approx(93.89, abs=0.01)
    assert value(make("ssim"), ReconstructionOutcome(truth, truth)) == 1.0
    assert value(make("ssim"), ReconstructionOutcome(miss, truth)) < 1.0


def image_pairs() -> dict[str, tuple[Floats, Floats]]:
    random = np.random.default_rng(5)
    noise = random.random((33, 29, 3))
    white = np.ones((33, 29, 3))
    edge = np.repeat(np.linspace(0, 1, 29) > 0.5, 3).reshape(29, 3) * white
    return {
        "noise and noise": (noise, random.random(noise.shape)),
        "noise and smooth": (noise, np.full_like(noise, 0.5)),
        "black and white": (0 * white, white),
        "nearly white": (white, white - 1 / 255),
        "edge and its negative": (edge, 1 - edge),
        "edge and faint noise": (edge, (edge + 0.01 * noise).clip(0, 1)),
        "smallest size": (noise[:11, :11], edge[:11, :11]),
    }


@pytest.mark.parametrize("pair", image_pairs())
def test_ssim_equals_scikit_image(pair: str) -> None:
    x, y = image_pairs()[pair]
    expected = structural_similarity(
        x,
        y,
        data_range=1,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    ours = value(make("ssim"), ReconstructionOutcome(x[None], y[None]))
    assert ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("pair", image_pairs())
def test_ssim_equals_torchmetrics_inside_the_border(pair: str) -> None:
    x, y = (torch.from_numpy(image).permute(2, 0, 1)[None] for image in image_pairs()[pair])
    # without the mirrored border, which torchmetrics counts too
    _, maps = structural_similarity_index_measure(x, y, data_range=1.0, return_full_image=True)
    expected = maps[..., 5:-5, 5:-5].mean().item()
    outcome = ReconstructionOutcome(x.permute(0, 2, 3, 1).numpy(), y.permute(0, 2, 3, 1).numpy())
    assert value(make("ssim"), outcome) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(("a", "b"), [(0.0, 1.0), (0.2, 0.7), (1.0, 254 / 255), (0.0, 0.0)])
def test_ssim_of_flat_images_is_the_luminance_term(a: float, b: float) -> None:
    flat = ReconstructionOutcome(np.full((1, 12, 14, 3), a), np.full((1, 12, 14, 3), b))
    expected = (2 * a * b + 1e-4) / (a**2 + b**2 + 1e-4)
    assert value(make("ssim"), flat) == pytest.approx(expected, abs=1e-11)


@pytest.mark.parametrize("name", ["l1", "mse", "psnr", "ssim"])
@pytest.mark.parametrize(("threads", "chunk"), [(1, 1), (2, 1), (2, 2**15), (5, 4000)])
def test_an_image_has_the_same_bits_in_any_thread_chunk_and_order(
    monkeypatch: pytest.MonkeyPatch, name: str, threads: int, chunk: int
) -> None:
    metric: MeanMetric[ReconstructionOutcome] = REGISTRY.create(name, {})
    outcome = pictures(count=90)
    order = np.random.default_rng(0).permutation(90)
    expected = metric.per_image(outcome)[order]
    monkeypatch.setattr(metrics_module, "THREADS", threads)
    monkeypatch.setattr(metrics_module, "CHUNK_VALUES", chunk)
    shuffled = ReconstructionOutcome(outcome.predicted[order], outcome.truth[order])
    assert metric.per_image(shuffled).tobytes() == expected.tobytes()


def test_ssim_refuses_images_smaller_than_its_window() -> None:
    with pytest.raises(UsageError, match="at least 11 x 11 pixels, but these are 10 x 10"):
        make("ssim").statistic(pictures(size=10))
