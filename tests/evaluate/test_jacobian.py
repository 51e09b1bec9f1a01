"""The Jacobian's rank is what is left of the image's directions; the sketch agrees with it."""

import copy
import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from leakboard.evaluate.bounds.jacobian import Jacobian
from leakboard.generate import load_client

from ..tiny import MakeRelease

INPUTS = torch.randint(0, 256, (3, 3, 6, 6), dtype=torch.uint8)  # p = 108 values each
KEPT = 5
NAMES = ("rank", "rank_1e-3", "rank_1e-2")


class Linear(nn.Module):
    """A client z = A x of 8 x 4 x 4 numbers, with a mask over its 8 channels and held noise."""

    matrix: Tensor
    mask: Tensor

    def __init__(self, matrix: Tensor, mask: Tensor, noise: float = 0.0) -> None:
        super().__init__()
        self.register_buffer("matrix", matrix)
        self.register_buffer("mask", mask)
        self.noise = noise
        self.defense = SimpleNamespace(noise_std=None if noise else 0.0)

    def mean(self, images: Tensor) -> Tensor:
        activation = (images.flatten(1) @ self.matrix.T).view(-1, 8, 4, 4)
        return activation * self.mask[:, None, None]

    def forward(self, images: Tensor, noise: torch.Generator) -> Tensor:
        sent = self.mean(images)
        return sent + self.noise * torch.randn(sent.shape, generator=noise)


class Straight(Linear):
    """z = A x in any number of outputs."""

    def __init__(self, matrix: Tensor) -> None:
        super().__init__(matrix, torch.ones(8))

    def mean(self, images: Tensor) -> Tensor:
        return (images.flatten(1) @ self.matrix.T)[:, :, None, None]


@pytest.fixture(scope="module")
def matrix() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(128, 108, generator=generator)


def measured(client: Any, **options: int) -> dict[str, NDArray[np.float64]]:
    parts = list(Jacobian(**options).measure(client, INPUTS))
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def mask(*values: float) -> Tensor:
    return torch.tensor([*values, *[0.0] * (8 - len(values))])


@pytest.mark.parametrize("kept", range(9))
def test_rank_of_a_masked_linear_client_is_the_rank_of_what_is_left(
    matrix: Tensor, kept: int
) -> None:
    client = Linear(matrix, mask(*[1.0] * kept))
    left = (matrix * client.mask.repeat_interleave(16)[:, None]).double()
    values = torch.linalg.svdvals(left)
    found = measured(client)
    assert (found["rank"] == np.linalg.matrix_rank(left.numpy())).all()
    assert (found["rank"] == min(16 * kept, 108)).all()
    np.testing.assert_allclose(found["largest"], values[0], rtol=1e-9, atol=0)
    np.testing.assert_allclose(
        found["log_volume"], values[values > 1e-2 * values[0]].log().sum(), rtol=1e-9
    )
    if kept:
        stable = values.square().sum() / values[0].square()
        np.testing.assert_allclose(found["stable_rank"], stable, rtol=1e-9)


def test_noise_leaves_every_number_unchanged(matrix: Tensor) -> None:
    quiet, loud = (measured(Linear(matrix, mask(*[1.0] * KEPT), noise)) for noise in (0.0, 9.0))
    for key in quiet:
        np.testing.assert_array_equal(quiet[key], loud[key])


def test_a_soft_mask_leaves_the_rank_and_shrinks_the_singular_values(matrix: Tensor) -> None:
    scaled = [0.5**channel for channel in range(8)]
    hard = measured(Linear(matrix, mask(*[1.0] * 8)))
    soft = measured(Linear(matrix, mask(*scaled)))
    removed = measured(Linear(matrix, mask(*scaled[:KEPT])))
    np.testing.assert_array_equal(soft["rank"], hard["rank"])
    assert (soft["largest"] < hard["largest"]).all()
    assert (soft["log_volume"] < hard["log_volume"]).all()
    assert (removed["rank"] < soft["rank"]).all()


def test_even_a_mask_of_a_billionth_removes_nothing(matrix: Tensor) -> None:
    """float32 would call these channels removed; the attacker only has to scale them up."""
    client = Linear(matrix, mask(1.0, 1.0, 1e-9, 1e-9))
    found = measured(client)
    assert (found["rank"] == 64).all()
    assert (found["rank_1e-3"] == 32).all()


@pytest.mark.parametrize("defense", ["disco", "random_pruning"])
def test_masking_cannot_raise_the_rank_and_keeps_at_most_what_it_keeps(
    release_of: MakeRelease, defense: str
) -> None:
    client = load_client(release_of(defense).folder)
    inputs = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    bare = copy.deepcopy(client)
    bare.defense = load_client(release_of("none").folder).defense
    bound = Jacobian(exact=2)
    ranks = [
        np.concatenate([part["rank"] for part in bound.measure(c, inputs)]) for c in (client, bare)
    ]
    kept = 64 - math.floor(0.6 * 64)
    assert (ranks[0] <= ranks[1]).all()
    assert (ranks[0] <= kept * 4 * 4).all()


def test_pure_noise_has_rank_zero(release_of: MakeRelease) -> None:
    client = load_client(release_of("noise_only").folder)
    for exact in (0, 3):
        found = list(Jacobian(exact=exact).measure(client, torch.zeros(3, 3, 16, 16).byte()))
        for key in ("rank_1e-2", "stable_rank", "largest", "log_volume"):
            assert all((part[key] == 0).all() for part in found)


def test_the_sketch_of_a_low_rank_is_exact(matrix: Tensor) -> None:
    """32 directions within 48 steps: Lanczos finds every singular value itself."""
    client = Linear(matrix, mask(1.0, 0.3))
    exact, sketched = measured(client), measured(client, exact=0, steps=48)
    assert np.isnan(sketched["rank"]).all()
    np.testing.assert_array_equal(sketched["rank_1e-2"], exact["rank_1e-2"])
    for key in ("stable_rank", "largest", "log_volume"):
        np.testing.assert_allclose(sketched[key], exact[key], rtol=1e-3)


@pytest.mark.parametrize("outputs", [500, 900])
@pytest.mark.parametrize(("decay", "bias"), [(4.0, 0.03), (8.0, 0.1)])
def test_the_sketch_agrees_with_the_exact_numbers(decay: float, bias: float, outputs: int) -> None:
    """Sixteen sketches of one map: hardly a bias, unless the spectrum falls far."""
    generator = torch.Generator().manual_seed(1)
    rank = min(outputs, 768)
    left, right = (
        torch.linalg.qr(torch.randn(size, rank, generator=generator))[0] for size in (outputs, 768)
    )
    spectrum = torch.exp(-decay * torch.arange(rank) / rank)
    client = Straight(left * spectrum @ right.T)
    inputs = torch.zeros(16, 3, 16, 16, dtype=torch.uint8)
    parts = list(Jacobian(exact=0).measure(client, inputs))
    found = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    kept = spectrum[spectrum > 1e-2 * spectrum[0]]
    assert found["rank_1e-2"].mean() == pytest.approx(len(kept), rel=bias)
    assert found["rank_1e-2"].std() < 0.05 * len(kept)
    assert found["stable_rank"].mean() == pytest.approx(spectrum.square().sum().item(), rel=0.05)
    assert found["log_volume"].mean() == pytest.approx(kept.log().sum().item(), rel=2 * bias)
    np.testing.assert_allclose(found["largest"], 1, rtol=1e-2)


def test_the_sketch_survives_a_singular_value_that_towers_above_the_rest() -> None:
    """As behind layer4, where rounding would grow from step to step without end."""
    generator = torch.Generator().manual_seed(3)
    left, right = (
        torch.linalg.qr(torch.randn(size, 250, generator=generator))[0] for size in (512, 768)
    )
    spectrum = torch.cat(
        [torch.tensor([100.0]), torch.linspace(3, 1.2, 50), torch.logspace(-0.5, -3, 199)]
    )
    client = Straight(left * spectrum @ right.T)
    (found,) = Jacobian(exact=0).measure(client, torch.zeros(8, 3, 16, 16, dtype=torch.uint8))
    np.testing.assert_allclose(found["rank_1e-2"], 51, atol=4)
    np.testing.assert_allclose(found["largest"], 100, rtol=1e-4)
    np.testing.assert_allclose(found["stable_rank"], spectrum.square().sum() / 100**2, rtol=0.03)


def test_the_sketch_sees_equal_singular_values_as_many() -> None:
    """A rotation of the image: one value, 108 times."""
    generator = torch.Generator().manual_seed(2)
    rotation = torch.linalg.qr(torch.randn(108, 108, generator=generator))[0]
    found = measured(Straight(3 * rotation), exact=0, steps=16)
    for key in ("rank_1e-2", "stable_rank"):
        np.testing.assert_allclose(found[key], 108, rtol=1e-3)
    np.testing.assert_allclose(found["largest"], 3, rtol=1e-3)


def test_a_layer_inside_the_network_is_measured_with_the_defense_in_its_place(
    release_of: MakeRelease,
) -> None:
    """Rank cannot grow along the network, and what DISCO removed stays removed."""
    folder = release_of("disco").folder
    inputs = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    ranks = [
        np.concatenate(
            [part["rank"] for part in Jacobian(exact=2).measure(load_client(folder, at), inputs)]
        )
        for at in ("maxpool", "layer1", "layer2", "layer3")
    ]
    assert all((after <= before).all() for before, after in pairwise(ranks))


def test_the_same_seed_gives_the_same_sketch(matrix: Tensor) -> None:
    client = Linear(matrix, torch.ones(8))
    first, second = (measured(client, exact=0, steps=16, seed=5) for _ in range(2))
    for key in first:
        np.testing.assert_array_equal(first[key], second[key])
