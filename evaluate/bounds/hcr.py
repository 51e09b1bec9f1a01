"""Hammersley-Chapman-Robbins bounds on every unbiased estimator of the input.

Legend: n samples of a chunk; S image side; p = 3 S² input dimensions; M perturbations.
"""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import scipy.fft
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...schemas import Direction
from ...schemas.bounds import Quantity
from . import Values
from ._covariance import multi_point, single_point
from ._gaussian import GREY_LEVELS, GaussianBound, Sigma
from ._linear import Linear, linearized
from ._weak_directions import Search, weak_directions

LOW = 8  # the lowest 8 x 8 modes of each channel are called low
CHUNK_NUMBERS = 2**23  # float64 numbers of perturbed activations held at a time: 64 MiB
ROUNDING = 1e-13  # relative error of an activation in float64, generously
EXACT_RANK = 256  # input dimensions up to which the Jacobian's rank is computed
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Points:
    """Perturbations of n samples in float64: ε (n, M, p) and how far each moves the activation.

    ε is in units of [0, 1] images, z (n, M, d) in those of the activation; `margin` (n,) is what
    rounding may have taken from a |z|. `unconstrained` (n,) counts input dimensions on which the
    activation does not depend near the sample: at least these.
    """

    epsilon: Tensor
    moved: Tensor
    margin: Tensor
    unconstrained: Tensor


@dataclass(frozen=True)
class Floors:
    """Lower bounds on standard deviations, in grey levels: each (n, 3, S, S).

    `modes` is per orthonormal DCT mode and `pixels` per pixel, from all perturbations together;
    `single_point` per mode from the best one alone, as published.
    """

    modes: NDArray[np.float64]
    pixels: NDArray[np.float64]
    single_point: NDArray[np.float64]


def _floor(meaning: str, unit: str = "grey levels") -> Quantity:
    return Quantity(unit=unit, direction=Direction.LOWER_LEAKS_MORE, meaning=meaning)


class Hcr(GaussianBound):
    """Lower bounds on the standard deviation of every unbiased estimator of the input.

    Chaudhuri et al. 2024, "Guarantees of confidentiality via Hammersley-Chapman-Robbins bounds",
    with the bound of many perturbations together (Barankin). The perturbations are found by
    `perturbations` runs of `pits` matrix-free least-squares solves on the client's Jacobian, and
    each is tried at several sizes: those that move the activation by `scales` times the noise. A
    bound holds however well they were found. An estimator with prior knowledge is biased, and may
    err less; one is unbiased only if it is so for every input near the sample, photo or not.
    """

    quantities: ClassVar = {
        "rmse_floor": _floor("no unbiased estimator has a smaller root mean square error"),
        "single_point_rmse_floor": _floor("the same, from one perturbation at a time"),
        "mode_floor": _floor("the median over DCT modes of the smallest standard deviation"),
        "low_mode_floor": _floor("the same over the lowest 8 x 8 modes of each channel"),
        "pixel_floor": _floor("the median over pixels of the smallest standard deviation"),
        "unconstrained": _floor(
            "at least so many directions near the input leave the activation as it is: along them "
            "no unbiased estimator exists",
            unit="dimensions",
        ),
    }

    def __init__(
        self,
        *,
        sigma: Sigma = 0.0,
        perturbations: Count = 2,
        pits: Count = 4,
        iterations: Count = 50,
        tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-3,
        scales: tuple[Annotated[float, Field(gt=0, le=5)], ...] = (0.01, 0.1, 0.7),
        seed: int = 0,
    ) -> None:
        super().__init__(sigma=sigma)
        self.search = Search(perturbations, pits, iterations, tolerance)
        self.scales = scales
        self.seed = seed

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield the quantities, a chunk of samples at a time."""
        images = inputs.float() / GREY_LEVELS
        std = self.noise_std(client, images)
        for points in self.points(client, images, std):
            yield summary(floors(points, std, images.shape[-1]), points.unconstrained)

    def pictures(self, client: Any, inputs: Tensor) -> Mapping[str, NDArray[np.uint8]]:
        """Draw, for each input, its floor per pixel and per DCT mode: white is 64 grey levels."""
        images = inputs.float() / GREY_LEVELS
        std = self.noise_std(client, images)
        drawn = [
            floors(points, std, images.shape[-1]) for points in self.points(client, images, std)
        ]
        return {
            f"{name}-{row}": _grey(part.mean(axis=0))
            for name in ("modes", "pixels")
            for row, part in enumerate(np.concatenate([getattr(one, name) for one in drawn]))
        }

    def points(self, client: Any, images: Tensor, std: float) -> Iterator[Points]:
        """Find perturbations of the images, a chunk of samples at a time."""
        generator = torch.Generator().manual_seed(self.seed)
        exact = copy.deepcopy(client).double()
        with torch.no_grad():
            features = client.mean(images[:1]).numel()
        count = self.search.perturbations * self.search.pits * len(self.scales)
        step = max(1, CHUNK_NUMBERS // (count * (images[0].numel() + features)))
        for part in images.split(step):
            linear = linearized(client.mean, part)
            directions = weak_directions(linear, len(part), self.search, generator)
            epsilon = sized(linear, directions, std, self.scales)
            moved, margin = displacements(exact.mean, part.double(), epsilon)
            yield Points(epsilon, moved, margin, unconstrained(linear, len(part), generator))


def sized(linear: Linear, directions: Tensor, std: float, scales: tuple[float, ...]) -> Tensor:
    """Stretch unit directions (n, m, p) so that each moves the activation by every s · std.

    To first order; but no perturbation exceeds the full range of grey levels: (n, m · scales, p).
    """
    moved = torch.stack([linear.forward(one).norm(dim=1) for one in directions.unbind(1)], dim=1)
    longest = 1 / directions.abs().amax(dim=2)
    lengths = [torch.minimum(scale * std / moved, longest) for scale in scales]
    return torch.cat([length[:, :, None] * directions for length in lengths], dim=1).double()


@torch.no_grad()
def displacements(mean: Any, images: Tensor, epsilon: Tensor) -> tuple[Tensor, Tensor]:
    """Compute a(x + ε) - a(x) for perturbations (n, M, p), all in float64: (n, M, d).

    Beside it what rounding may have taken from the norm of each difference: (n,).
    """
    start = mean(images).flatten(1)
    moved = [
        mean(images + one.reshape(images.shape)).flatten(1) - start for one in epsilon.unbind(1)
    ]
    return torch.stack(moved, dim=1), ROUNDING * start.norm(dim=1)


@torch.no_grad()
def unconstrained(linear: Linear, n: int, generator: torch.Generator) -> Tensor:
    """Count the dimensions on which the activation does not depend near each sample: (n,).

    Exactly, p - rank(J), for inputs of up to 256 dimensions; for larger ones at least p minus the
    number of features that react to a random perturbation, which no rank exceeds.
    """
    p = linear.inputs
    if p <= EXACT_RANK:
        columns = [linear.forward(row.expand(n, -1).contiguous()) for row in torch.eye(p)]
        rank = torch.linalg.matrix_rank(torch.stack(columns, dim=2))
    else:
        rank = linear.forward(torch.randn(n, p, generator=generator)).count_nonzero(dim=1)
    return torch.clamp(p - rank, min=0)


def floors(points: Points, std: float, side: int) -> Floors:
    """Bound each DCT mode and each pixel of n samples from their perturbations."""
    modes = dct(points.epsilon, side)
    bounds = (
        multi_point(modes, points.moved, std, points.margin),
        multi_point(points.epsilon, points.moved, std, points.margin),
        single_point(modes, points.moved, std, points.margin),
    )
    return Floors(*((GREY_LEVELS * b.sqrt()).reshape(-1, 3, side, side).numpy() for b in bounds))


def dct(vectors: Tensor, side: int) -> Tensor:
    """Orthonormal type-II DCT of each channel of images (…, 3 · S · S)."""
    matrix = torch.from_numpy(scipy.fft.dct(np.eye(side), norm="ortho", axis=0))
    pictures = vectors.reshape(*vectors.shape[:-1], 3, side, side)
    modes: Tensor = matrix @ pictures @ matrix.T
    return modes.reshape(vectors.shape)


def summary(found: Floors, unconstrained: Tensor) -> Values:
    """Reduce the floors of n samples to one number each."""
    axes = (1, 2, 3)
    return {
        "rmse_floor": np.sqrt(np.square(found.modes).mean(axis=axes)),
        "single_point_rmse_floor": np.sqrt(np.square(found.single_point).mean(axis=axes)),
        "mode_floor": np.median(found.modes, axis=axes),
        "low_mode_floor": np.median(found.modes[:, :, :LOW, :LOW], axis=axes),
        "pixel_floor": np.median(found.pixels, axis=axes),
        "unconstrained": unconstrained.double().numpy(),
    }


WHITE = 64.0  # grey levels
MAGNIFY = 4


def _grey(floor: NDArray[np.float64]) -> NDArray[np.uint8]:
    shade = np.clip(floor / WHITE, 0, 1) * 255
    return shade.astype(np.uint8).repeat(MAGNIFY, 0).repeat(MAGNIFY, 1)
