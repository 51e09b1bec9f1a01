"""HCR and Fisher bounds: closed forms on linear clients, quadrature, and estimators that attain."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.fft
import torch
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import chi2, norm
from torch import Tensor, nn

from leakboard.evaluate.bounds import Values
from leakboard.evaluate.bounds._covariance import multi_point, single_point
from leakboard.evaluate.bounds._exact import displacements, exactly
from leakboard.evaluate.bounds._linear import linearized
from leakboard.evaluate.bounds._weak_directions import Search, weak_directions
from leakboard.evaluate.bounds.fisher import Fisher
from leakboard.evaluate.bounds.hcr import Floors, Hcr, dct, floors, perturbed
from leakboard.generate import load_client

from ..tiny import MakeRelease

STD = 0.05
EXACTLY = torch.zeros(1)  # the margin where nothing was rounded


class Noisy(nn.Module):
    """A client whose defense adds Gaussian noise to what a given network maps images to."""

    def __init__(self, network: nn.Module, noise_std: float = STD) -> None:
        super().__init__()
        self.network = network
        self.defense = nn.Module()
        self.defense.noise_std = noise_std  # type: ignore[assignment]

    def mean(self, images: Tensor) -> Tensor:
        """(n, 3, S, S) to (n, d, 1, 1)."""
        features: Tensor = self.network(images.flatten(1))
        return features[:, :, None, None]


def linear_client(weights: Tensor) -> Noisy:
    layer = nn.Linear(weights.shape[1], weights.shape[0], bias=False)
    layer.weight.data = weights.float()
    return Noisy(layer.requires_grad_(False))


def random_weights(features: int, side: int) -> Tensor:
    return torch.randn(features, 3 * side * side, generator=torch.Generator().manual_seed(1))


def images(count: int, side: int) -> Tensor:
    return torch.randint(256, (count, 3, side, side), generator=torch.Generator().manual_seed(2))


def measured(bound: Fisher | Hcr, client: nn.Module, inputs: Tensor) -> Values:
    (values,) = bound.measure(client, inputs)
    return values


def floors_of(bound: Hcr, client: nn.Module, inputs: Tensor) -> Floors:
    (weak,) = bound.weak(client, inputs.float() / 255)
    return floors(perturbed(exactly(client), weak, STD, bound.scales), STD)


def cramer_rao(jacobian: Tensor) -> NDArray[np.float64]:
    """σ² (JᵀJ)⁻¹ per coordinate, as standard deviations in grey levels."""
    variance = STD**2 * torch.linalg.inv(jacobian.double().T @ jacobian.double()).diagonal()
    deviation: NDArray[np.float64] = 255 * variance.sqrt().numpy()
    return deviation


@pytest.mark.parametrize(("features", "side"), [(20, 2), (40, 3)])
def test_many_points_attain_cramer_rao_on_a_linear_client(features: int, side: int) -> None:
    weights, p = random_weights(features, side), 3 * side**2
    bound = Hcr(perturbations=p, pits=2, scales=(0.01, 0.1))
    found = floors_of(bound, linear_client(weights), images(2, side))
    exact = cramer_rao(weights)
    for floor in found.pixels.reshape(2, p):
        assert (floor <= exact * (1 + 1e-6)).all()
        np.testing.assert_allclose(floor, exact, rtol=0.02)
    basis = dct(torch.eye(p).double().unflatten(1, (3, side, side))).flatten(1)
    in_modes = cramer_rao(weights @ basis.float())
    np.testing.assert_allclose(found.modes.reshape(2, p), np.stack([in_modes] * 2), rtol=0.02)


def test_one_point_tends_to_cramer_rao_from_below_as_it_shrinks() -> None:
    """Along u the variance of uᵀθ̂ is at least σ² |u|⁴ / |Ju|², and exactly that in the limit."""
    weights = random_weights(20, 2).double()
    direction = torch.linalg.svd(weights).Vh[-1]
    limit = STD**2 / (weights @ direction).square().sum()
    sizes = torch.tensor([1.0, 0.5, 0.1, 1e-2, 1e-3]) * STD / (weights @ direction).norm()
    ratios = []
    for size in sizes:
        epsilon = (size * direction).view(1, 1, -1)
        bound = single_point(epsilon, epsilon @ weights.T, STD, EXACTLY).sum() / limit
        ratios.append(bound.item())
    assert ratios == sorted(ratios)
    # of a linear map, moved by s standard deviations: s² / (exp(s²) - 1)
    np.testing.assert_allclose(ratios[:3], [s**2 / math.expm1(s**2) for s in (1.0, 0.5, 0.1)])
    assert ratios[-1] == pytest.approx(1, abs=1e-6)


def likelihood_products(means: list[float], at: float, std: float) -> NDArray[np.float64]:
    """∫ p_i p_j / p_0 - 1 by quadrature, for normal densities around the means."""

    def integrand(y: float, i: float, j: float) -> float:
        logs = norm.logpdf(y, i, std) + norm.logpdf(y, j, std) - norm.logpdf(y, at, std)
        return float(np.exp(logs))

    def entry(i: float, j: float) -> float:
        return float(quad(integrand, -12, 12, args=(i, j), points=(at, i, j), limit=200)[0]) - 1

    return np.array([[entry(i, j) for j in means] for i in means])


@pytest.mark.parametrize("saturating", [np.tanh, np.arctan])
def test_saturating_scalars_agree_with_quadrature(saturating: Callable[[float], float]) -> None:
    theta, std = 0.2, 1.0
    steps = [-0.6, -0.1, 0.4, 3.0]
    moved = [float(saturating(theta + step) - saturating(theta)) for step in steps]
    products = likelihood_products([saturating(theta) + z for z in moved], saturating(theta), std)
    epsilon, z = (torch.tensor(v).double().view(1, -1, 1) for v in (steps, moved))
    one = (np.square(steps) / products.diagonal()).max()
    assert single_point(epsilon, z, std, EXACTLY).item() == pytest.approx(one, rel=1e-5)
    together = np.array(steps) @ np.linalg.pinv(products, rcond=1e-6) @ np.array(steps)
    assert multi_point(epsilon, z, std, EXACTLY).item() == pytest.approx(together, rel=1e-3)
    slope = float((saturating(theta + 1e-6) - saturating(theta - 1e-6)) / 2e-6)
    assert together > one > (std / slope) ** 2  # saturation hides more than Cramér-Rao sees


def test_no_bound_exceeds_what_least_squares_attains() -> None:
    """Upper limits of 1,000 draws' variance, Bonferroni-corrected over the coordinates."""
    random = np.random.default_rng(3)
    draws, level = 1000, 0.01
    for features, side in ((12, 2), (30, 3)):
        weights, p = random_weights(features, side), 3 * side**2
        noise = random.normal(0, STD, (draws, features))
        errors = 255 * noise @ np.linalg.pinv(weights.double().numpy()).T
        limit = errors.var(axis=0, ddof=1) * (draws - 1) / chi2.ppf(level / p, draws - 1)
        found = floors_of(Hcr(perturbations=p), linear_client(weights), images(1, side))
        assert (np.square(found.pixels.reshape(p)) <= limit).all()
        modes = dct(torch.from_numpy(errors).unflatten(1, (3, side, side))).flatten(1).numpy()
        limit = modes.var(axis=0, ddof=1) * (draws - 1) / chi2.ppf(level / p, draws - 1)
        for floor in (found.modes, found.single_point):
            assert (np.square(floor.reshape(p)) <= limit).all()


@pytest.fixture
def smooth() -> Noisy:
    generator = torch.Generator().manual_seed(4)
    network = nn.Sequential(nn.Linear(12, 24), nn.Tanh(), nn.Linear(24, 24), nn.Softplus())
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) / 3
    return Noisy(network.requires_grad_(False))


def jacobian(client: Noisy, image: Tensor) -> Tensor:
    """By reverse-mode autograd in float64: (d, p)."""
    exact: Tensor = torch.func.jacrev(client.network.double())(image.flatten().double() / 255)
    client.float()
    return exact


def test_fisher_is_the_trace_that_autograd_gives(smooth: Noisy) -> None:
    inputs = images(3, 2)
    expected = [
        (jacobian(smooth, image).square().sum() / (12 * (255 * STD) ** 2)).item()
        for image in inputs
    ]
    exact = measured(Fisher(exact=True), smooth, inputs)
    np.testing.assert_allclose(exact["dfil"], expected, rtol=1e-5)
    np.testing.assert_allclose(exact["rmse_floor"], np.reciprocal(np.sqrt(expected)), rtol=1e-5)
    guessed = measured(Fisher(probes=4000), smooth, inputs)
    np.testing.assert_allclose(guessed["dfil"], expected, rtol=0.05)


def test_hcr_approaches_fisher_from_above_in_the_small_perturbation_limit(smooth: Noisy) -> None:
    """Cramér-Rao inverts the information that dFIL only averages."""
    inputs = images(2, 2)
    bound = Hcr(perturbations=12, scales=(0.01,), iterations=40)
    found = floors_of(bound, smooth, inputs)
    exact = np.stack([cramer_rao(jacobian(smooth, image)) for image in inputs])
    np.testing.assert_allclose(found.pixels.reshape(2, 12), exact, rtol=0.02)
    looser = measured(Fisher(exact=True), smooth, inputs)["rmse_floor"]
    assert (measured(bound, smooth, inputs)["rmse_floor"] > looser).all()


def test_dimensions_that_a_mask_hides_are_counted_and_have_no_floor() -> None:
    weights = random_weights(20, 2)
    weights[7:] = 0  # features that a hard mask removes: 7 are left of 12 dimensions
    values = measured(Hcr(), linear_client(weights), images(2, 2))
    assert (values["unconstrained"] == 12 - 7).all()
    weights = random_weights(20, 2)
    weights[:, 3:5] = 0  # pixels that no feature sees
    client = linear_client(weights)
    assert (measured(Hcr(), client, images(2, 2))["unconstrained"] == 2).all()
    found = floors_of(Hcr(perturbations=12, iterations=100), client, images(1, 2))
    pixels = found.pixels.reshape(12)
    seen = np.delete(pixels, [3, 4])
    assert pixels[3:5].min() > 1e3 * seen.max()


def test_a_kink_close_by_does_not_hide_the_floor() -> None:
    """Pixel 3 is unseen at the image, and told apart for certain a hundredth of its range away."""
    weights, inputs = random_weights(20, 2), images(1, 2)
    weights[:, 3] = 0
    start = inputs.flatten(1)[0, 3] / 255

    class Kinked(nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            beyond = ((pixels[:, 3:4] - start).abs() - 1e-3).relu()
            return torch.cat([pixels @ weights.to(pixels.dtype).T, 1e4 * beyond], dim=1)

    pixels = floors_of(Hcr(perturbations=12, iterations=100), Noisy(Kinked()), inputs)
    floor = pixels.pixels.reshape(12)
    assert floor[3] > 1e2 * np.delete(floor, 3).max()


def test_many_points_are_never_looser_than_one() -> None:
    generator = torch.Generator().manual_seed(5)
    epsilon = torch.randn(3, 9, 7, generator=generator).double()
    weights = torch.randn(7, 11, generator=generator).double()
    sizes = torch.logspace(-3, 3, 9).double()[:, None]  # the largest are told apart for certain
    moved = torch.tanh(sizes * epsilon @ weights)
    one = single_point(sizes * epsilon, moved, 0.2, EXACTLY)
    together = multi_point(sizes * epsilon, moved, 0.2, EXACTLY)
    assert torch.isfinite(together).all()
    assert (together >= one * (1 - 1e-6)).all()


def test_inputs_that_cannot_be_told_apart_leave_no_floor_finite() -> None:
    """Clipped at 0.3, the inputs 0.6 and 3.2 look the same from 0.2."""
    epsilon = torch.tensor([[[0.4], [3.0]]]).double()
    moved = torch.tensor([[[0.1], [0.1]]]).double()
    assert multi_point(epsilon, moved, 0.5, EXACTLY).item() > 1e6
    assert single_point(epsilon, moved, 0.5, EXACTLY).item() < 1e3


def test_a_perturbation_that_moves_nothing_leaves_no_unbiased_estimator() -> None:
    epsilon, moved = torch.eye(2).double()[None], torch.tensor([[[0.0], [1.0]]]).double()
    for bound in (single_point, multi_point):
        assert torch.isposinf(bound(epsilon, moved, 1.0, EXACTLY)[0, 0])
        assert bound(epsilon, moved, 1.0, EXACTLY)[0, 1].item() == pytest.approx(1 / math.expm1(1))


def test_the_search_weakens_a_direction_with_every_solve_to_the_weakest() -> None:
    weights = random_weights(60, 3)
    linear = linearized(linear_client(weights).mean, images(2, 3) / 255)
    search = Search(perturbations=1, pits=8, iterations=20, tolerance=1e-4)
    found = weak_directions(linear, 2, search, torch.Generator().manual_seed(0))
    moved = (found @ weights.T).norm(dim=2).numpy()
    assert (np.diff(moved, axis=1) <= 1e-6).all()
    weakest = torch.linalg.svdvals(weights)[-1].item()
    assert (weakest * (1 - 1e-6) <= moved[:, -1]).all()
    assert (moved[:, -1] < 1.1 * weakest).all()


STEPS = [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "padding": (2, 1)}, {"groups": 2}]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])  # small images: one product
@pytest.mark.parametrize("options", STEPS)
def test_the_products_are_those_of_torch(options: dict[str, Any], dtype: torch.dtype) -> None:
    first, second = nn.Conv2d(4, 6, 3, bias=False, **options), nn.Conv2d(6, 8, 3, padding="same")
    network = nn.Sequential(first, nn.ReLU(inplace=True), second).to(dtype).requires_grad_(False)
    batch, tangent = torch.rand(2, 4, 8, 7, dtype=dtype), torch.randn(2, 4, 8, 7, dtype=dtype)
    sent, pushed = torch.autograd.functional.jvp(network, batch, tangent)
    cotangent = torch.randn(sent.shape, dtype=dtype)
    (pulled,) = torch.func.vjp(network, batch)[1](cotangent)
    linear = linearized(network, batch)
    torch.testing.assert_close(linear.forward(tangent.flatten(1)), pushed.flatten(1))
    torch.testing.assert_close(linear.transposed(cotangent.flatten(1)), pulled.flatten(1))


@pytest.mark.parametrize("options", STEPS)
def test_displacements_are_differences_of_what_torch_computes(options: dict[str, Any]) -> None:
    first, second = nn.Conv2d(4, 6, 3, **options), nn.Conv2d(6, 8, 3, bias=False, padding="same")
    network = nn.Sequential(first, nn.Tanh(), second).double().requires_grad_(False)
    batch, epsilon = torch.rand(2, 4, 7, 8).double(), torch.rand(2, 3, 4 * 7 * 8).double()
    moved, margin = displacements(network, batch, epsilon)
    start = network(batch).flatten(1)
    for row, one in enumerate(epsilon.unbind(1)):
        expected = network(batch + one.view_as(batch)).flatten(1) - start
        torch.testing.assert_close(moved[:, row], expected, rtol=1e-11, atol=1e-13)
    assert (margin > 1e-15 * start.norm(dim=1)).all()


@pytest.mark.parametrize("defense", ["none", "disco"])
def test_the_products_are_the_true_derivative_of_a_client(
    release_of: MakeRelease, defense: str
) -> None:
    """Where a mask is hard, that is the derivative with the mask held: not the surrogate's."""
    client = load_client(release_of(defense).folder).double()  # masks and kinks do not round apart
    batch = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(6)).double()
    tangent = torch.randn(2, 3 * 32 * 32, generator=torch.Generator().manual_seed(7)).double()
    linear = linearized(client.mean, batch)
    pushed = linear.forward(tangent)
    cotangent = torch.randn(pushed.shape, generator=torch.Generator().manual_seed(8)).double()
    adjoint = (linear.transposed(cotangent) * tangent).sum()
    torch.testing.assert_close(adjoint, (cotangent * pushed).sum(), rtol=1e-3, atol=1e-2)
    step = 1e-9 * tangent.view_as(batch)  # so small that hardly a kink lies between
    slope = (client.mean(batch + step) - client.mean(batch - step)).flatten(1) / 2e-9
    torch.testing.assert_close(pushed, slope, rtol=1e-3, atol=1e-3)


def test_the_transform_is_the_orthonormal_cosine_transform() -> None:
    pictures = torch.randn(2, 3, 5, 5, generator=torch.Generator().manual_seed(9)).double()
    expected = scipy.fft.dctn(pictures.numpy(), axes=(2, 3), norm="ortho")
    np.testing.assert_allclose(dct(pictures).numpy(), expected, atol=1e-12)
