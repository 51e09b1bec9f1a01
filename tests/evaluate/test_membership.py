"""Membership inference finds what was planted, and nothing where there is nothing."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor

from leakboard.evaluate.bounds import Sampled
from leakboard.evaluate.bounds.membership import Membership, parts
from leakboard.schemas import NoBound

COUNT = 800  # members, and as many others


class Client:
    """Sends the image; the task network gives `logits` of what was sent."""

    def __init__(self, logits: Callable[[Tensor], Tensor]) -> None:
        self.task_network = logits

    def __call__(self, images: Tensor, noise: torch.Generator) -> Tensor:
        return images


def random_logits(activation: Tensor) -> Tensor:
    generator = torch.Generator().manual_seed(int(activation.sum() * 1000))
    return torch.randn(len(activation), 2, generator=generator)


def sure_of_the_bright(activation: Tensor) -> Tensor:
    """Right about every image, and surer of one whose first pixel is bright."""
    first = activation[:, 0, 0, 0]
    return torch.stack([1 + 4 * first, torch.zeros_like(first)], dim=1)


def measured(
    logits: Callable[[Tensor], Tensor], planted: int, images_of_each: int = 1, seed: int = 0
) -> dict[str, NDArray[np.float64]]:
    """Members have `planted` grey levels more in their first pixel."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randint(0, 100, (2 * COUNT, 3, 2, 2), generator=generator, dtype=torch.uint8)
    inputs[:COUNT, :, 0, 0] += planted
    bound = Membership()
    bound.sampled = Sampled(
        splits=["defender"] * COUNT + ["auxiliary"] * COUNT,
        inputs=inputs,
        task=torch.zeros(2 * COUNT, dtype=torch.int64),
        subjects=[str(row // images_of_each) for row in range(2 * COUNT)],
        sample_ids=[str(row) for row in range(2 * COUNT)],
    )
    (found,) = bound.measure(Client(logits), inputs)
    return dict(found)


def mean(values: NDArray[np.float64]) -> Any:
    return np.nanmean(values)


def test_a_trace_in_the_activation_is_found_by_the_classifier_alone() -> None:
    found = measured(random_logits, planted=120)
    assert mean(found["classifier_auc"]) > 0.99
    assert mean(found["classifier_tpr"]) > 0.8
    assert mean(found["classifier_fpr"]) < 0.05
    assert 0.43 < mean(found["loss_auc"]) < 0.57


def test_a_lower_loss_of_members_is_found_by_both() -> None:
    found = measured(sure_of_the_bright, planted=120)
    assert mean(found["loss_auc"]) > 0.99
    assert mean(found["classifier_auc"]) > 0.99


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_found_where_there_is_nothing(seed: int) -> None:
    """Four standard errors of the area under chance: sqrt((m + n + 1) / 12 m n)."""
    found = measured(random_logits, planted=0, seed=seed)
    error = 4 * np.sqrt((COUNT + 1) / (12 * (COUNT / 2) ** 2))
    assert abs(mean(found["classifier_auc"]) - 0.5) < error
    assert abs(mean(found["loss_auc"]) - 0.5) < error
    assert mean(found["classifier_tpr"]) < 0.05


def test_no_subject_is_both_fitted_and_tested() -> None:
    tested = ~np.isnan(measured(random_logits, planted=0, images_of_each=4)["loss_auc"])
    whole = tested.reshape(-1, 4)
    assert (whole.all(axis=1) | ~whole.any(axis=1)).all()
    assert 0.4 < tested.mean() < 0.6


def test_the_parts_average_to_the_area_and_spread_as_chance_does() -> None:
    random = np.random.default_rng(0)
    member = random.random(3000) < 0.3
    score = random.normal(size=3000).round(1)  # with ties
    fitted = np.arange(3000) < 1000
    auc = parts(score, member, fitted)["auc"][~fitted]
    assert auc.mean() == pytest.approx(roc_auc_score(member[~fitted], score[~fitted]))
    members, others = member[~fitted].sum(), (~member[~fitted]).sum()
    error = np.sqrt((members + others + 1) / (12 * members * others))
    assert auc.std() / np.sqrt(len(auc)) == pytest.approx(error, rel=0.03)


def test_too_few_images_say_nothing() -> None:
    bound = Membership()
    bound.sampled = Sampled(
        splits=["defender", "auxiliary"],
        inputs=torch.zeros(2, 3, 2, 2),
        task=torch.zeros(2).long(),
        subjects=["a", "b"],
        sample_ids=["0", "1"],
    )
    with pytest.raises(NoBound, match="measure more samples"):
        next(bound.measure(Client(random_logits), bound.sampled.inputs))
