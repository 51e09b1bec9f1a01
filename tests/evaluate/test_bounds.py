"""Every bound keeps the contract, and the runner says how many samples stand behind a number."""

import math
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from leakboard.evaluate import measure_bound, measure_bounds
from leakboard.evaluate.bounds import REGISTRY, Bound, Values
from leakboard.evaluate.measure import summaries
from leakboard.generate import load_client
from leakboard.schemas import Direction, NoBound, Release
from leakboard.schemas.bounds import BoundReport, Quantity
from leakboard.schemas.config import SPLIT_LAYERS
from leakboard.schemas.registry import options_of

from ..tiny import MakeRelease

NAMES = REGISTRY.names()
GAUSSIAN = [name for name in NAMES if "sigma" in options_of(REGISTRY.find(name))]
QUANTITY = Quantity(unit="1", direction=Direction.LOWER_LEAKS_MORE, meaning="a number")


def quick(name: str) -> dict[str, Any]:
    """Sketch what would be computed exactly."""
    return {"exact": 0} if "exact" in options_of(REGISTRY.find(name)) else {}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("defense", ["gaussian_noise", "noise_only"])
def test_every_bound_measures_every_sample(
    release_of: MakeRelease, name: str, defense: str
) -> None:
    bound = REGISTRY.find(name)
    samples = 100 if bound.splits else 3
    report = measure_bound(release_of(defense), name, quick(name), samples).report
    assert set(report.measured) <= set(bound.quantities)
    assert report.n == report.asked == report.utility.n == samples
    assert all(0 < measured.n <= samples for measured in report.measured.values())
    assert BoundReport.model_validate_json(report.model_dump_json()) == report
    assert report.fingerprint == release_of(defense).manifest.fingerprint


@pytest.mark.parametrize("name", GAUSSIAN)
def test_hypothetical_noise_is_named(release: Release, name: str) -> None:
    with pytest.raises(NoBound, match="adds no Gaussian noise"):
        measure_bound(release, name, {}, samples=2)
    report = measure_bound(release, name, {"sigma": 0.5}, samples=2).report
    assert "0.5 · rms(activation)" in report.assumes[0]


@pytest.mark.parametrize("name", GAUSSIAN)
def test_other_randomness_has_no_bound(release_of: MakeRelease, name: str) -> None:
    with pytest.raises(NoBound, match="RandomPruning is not Gaussian noise"):
        measure_bound(release_of("random_pruning"), name, {"sigma": 0.5}, samples=2)


class Stopped(Bound):
    """Is stopped by the user after two of the samples."""

    quantities: ClassVar = {"value": QUANTITY}

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        yield {"value": np.array([1.0, 2.0])}
        raise KeyboardInterrupt


def test_what_was_measured_before_ctrl_c_is_kept(release: Release) -> None:
    report = measure_bound(release, f"{__name__}:Stopped", {}, samples=5).report
    assert (report.n, report.asked, report.utility.n) == (2, 5, 2)


class StoppedAtOnce(Stopped):
    """Is stopped before it has anything to show."""

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        raise KeyboardInterrupt
        yield {}


def test_ctrl_c_ends_a_run_of_several_with_what_is_done(release: Release) -> None:
    first, then, last = "degrees_of_freedom", f"{__name__}:StoppedAtOnce", "jacobian"
    found = measure_bounds(release, {first: {}, then: {}, last: {}}, samples=5)
    assert [one.report.bound for one in found.measured] == [first]
    assert set(found.says_nothing) == {then, last}
    partly = measure_bounds(release, {f"{__name__}:Stopped": {}, last: {}}, samples=5)
    assert [one.report.n for one in partly.measured] == [2]
    assert "stopped" in partly.says_nothing[last]
    with pytest.raises(KeyboardInterrupt):
        measure_bounds(release, {then: {}, first: {}}, samples=5)


def test_infinity_counts_as_the_largest_value() -> None:
    values = np.array([4.0, math.inf, 1.0, math.inf, 2.0])
    measured = summaries({"value": values}, {"value": QUANTITY}, list("abcde"))["value"]
    assert (measured.value, measured.lower_quartile, measured.upper_quartile) == (4, 2, math.inf)
    assert (measured.infinite, measured.n, measured.high) == (2, 5, math.inf)


def test_the_interval_covers_the_median_of_the_population() -> None:
    random = np.random.default_rng(0)
    subjects = [str(row) for row in range(60)]
    covered = 0
    for _ in range(100):
        values = random.exponential(size=60)
        measured = summaries({"value": values}, {"value": QUANTITY}, subjects)["value"]
        covered += measured.low <= math.log(2) <= measured.high
    assert 88 <= covered <= 100  # binomial(100, 0.95) leaves this range once in 500


def test_what_is_not_measured_is_left_out_and_never_counted() -> None:
    measured = {"some": np.array([1.0, math.nan, 3.0, 1.0]), "none": np.full(4, math.nan)}
    found = summaries(measured, dict.fromkeys(measured, QUANTITY), list("abcd"))
    assert set(found) == {"some"}
    assert (found["some"].n, found["some"].value) == (3, 1)


def test_a_mean_is_the_mean_of_the_samples() -> None:
    quantity = QUANTITY.model_copy(update={"summary": "mean"})
    measured = summaries({"value": np.array([1.0, 1.0, 7.0])}, {"value": quantity}, list("abc"))
    assert measured["value"].value == 3
    assert measured["value"].low < 3 < measured["value"].high


@pytest.mark.parametrize("defense", ["disco", "gaussian_noise"])
@pytest.mark.parametrize("layer", SPLIT_LAYERS["resnet18"])
def test_a_cut_elsewhere_leaves_what_the_network_says(
    release_of: MakeRelease, defense: str, layer: str
) -> None:
    folder = release_of(defense).folder
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    whole, cut = load_client(folder), load_client(folder, layer)
    expected = whole.task_network(whole.mean(images))
    torch.testing.assert_close(cut.task_network(cut.mean(images)), expected)


def test_draws_cannot_be_held_inside_the_network(release_of: MakeRelease) -> None:
    folder = release_of("random_pruning").folder
    assert load_client(folder, "layer1").defense.randomized
    with pytest.raises(NoBound, match="cannot be held inside the network"):
        load_client(folder, "layer2")
