"""Degrees of freedom against an explicit hat matrix, closed forms and a leave-one-out jackknife."""

import numpy as np
import pytest
import torch
from torch import Tensor

from leakboard.evaluate import measure_bound
from leakboard.evaluate.bounds.degrees_of_freedom import RIDGES, DegreesOfFreedom, contributions
from leakboard.evaluate.measure import summaries
from leakboard.schemas import Release


def drawn(count: int, size: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    scales = torch.logspace(0, -3, size, dtype=torch.float64)
    return torch.randn(count, size, generator=generator, dtype=torch.float64) * scales + 5


def values(activations: Tensor) -> dict[str, float]:
    return {key: float(parts.mean()) for key, parts in contributions(activations).items()}


@pytest.mark.parametrize(("count", "size"), [(40, 12), (12, 40)])
def test_ridge_degrees_are_the_trace_of_the_hat_matrix(count: int, size: int) -> None:
    activations = drawn(count, size)
    z = (activations - activations.mean(dim=0)).numpy()
    found = values(activations)
    for name, rho in RIDGES.items():
        ridge = rho * np.trace(z.T @ z) / (count * size)
        hat = z @ np.linalg.inv(z.T @ z + count * ridge * np.eye(size)) @ z.T
        assert found[f"ridge_{name}"] == pytest.approx(np.trace(hat), rel=1e-9)


@pytest.mark.parametrize(("count", "size"), [(200, 3), (8, 3000)])
def test_an_isotropic_cloud_has_as_many_dimensions_as_it_can(count: int, size: int) -> None:
    """n points in orthogonal directions, or every direction covered equally."""
    if count > size:
        corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * size).double()
        activations = corners.repeat(count // len(corners), 1)
    else:
        activations = torch.eye(count, size).double()
    found = values(activations)
    assert found["participation_ratio"] == pytest.approx(found["cap"])
    assert found["entropy_rank"] == pytest.approx(found["cap"])
    assert found["ridge_1e-3"] == pytest.approx(found["cap"], rel=2e-3)


def test_one_direction_is_one_dimension() -> None:
    line = torch.arange(9.0).double()[:, None] * torch.ones(1, 4).double()
    found = values(line)
    assert found["participation_ratio"] == pytest.approx(1)
    assert found["entropy_rank"] == pytest.approx(1)
    assert found["ridge_1e-1"] == pytest.approx(1 / (1 + 0.1 / 4))


def test_images_that_are_all_sent_alike_have_none() -> None:
    found = values(torch.ones(6, 5))
    assert {name for name, value in found.items() if value == 0} == set(found) - {"cap"}


def test_two_known_eigenvalues() -> None:
    """Eigenvalues 3 : 1: participation 16/10, entropy of (3/4, 1/4)."""
    root = 3**0.5
    cross = torch.tensor([[root, 0], [-root, 0], [0, 1], [0, -1]]).double()
    found = values(cross)
    assert found["participation_ratio"] == pytest.approx(1.6)
    entropy = -(0.75 * np.log(0.75) + 0.25 * np.log(0.25))
    assert found["entropy_rank"] == pytest.approx(np.exp(entropy))


@pytest.mark.parametrize("name", ["ridge_1e-2", "participation_ratio", "entropy_rank"])
def test_the_parts_spread_as_a_leave_one_out_jackknife_says(name: str) -> None:
    activations = drawn(120, 10, seed=3)
    parts = contributions(activations)[name]
    infinitesimal = parts.std() / len(parts) ** 0.5
    left_out = np.array(
        [
            values(torch.cat([activations[:row], activations[row + 1 :]]))[name]
            for row in range(len(activations))
        ]
    )
    jackknife = (len(left_out) - 1) ** 0.5 * left_out.std()
    assert infinitesimal == pytest.approx(jackknife, rel=0.1)


@pytest.mark.parametrize("far", [0.0, 30.0])
def test_intervals_stay_between_one_direction_and_the_cap(far: float) -> None:
    """A cloud in every direction, or an image far from the rest: resampled means overshoot."""
    generator = torch.Generator().manual_seed(0)
    activations = torch.randn(16, 3, generator=generator, dtype=torch.float64)
    activations[0] += far
    bound, subjects = DegreesOfFreedom(), [str(row) for row in range(16)]
    parts = contributions(activations)
    least = {"participation_ratio": 1.0, "entropy_rank": 1.0}
    free = summaries(parts, bound.quantities, subjects)
    assert any(one.low < least.get(name, 0) or one.high > 3 for name, one in free.items())
    for name, one in summaries(parts, bound.quantities, subjects, bound.ranges(parts)).items():
        assert least.get(name, 0) <= one.low <= one.high <= 3
        assert one.value == free[name].value


def test_the_report_prints_the_cap_beside_them(release: Release) -> None:
    report = measure_bound(release, "degrees_of_freedom", {}, samples=12).report
    assert report.measured["cap"].value == 11
    for measured in report.measured.values():
        assert 0 <= measured.value <= 11
        assert measured.quantity.summary == "mean"
