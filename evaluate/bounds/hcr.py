"""Hammersley-Chapman-Robbins bounds on every unbiased estimator of the input.

Legend: n samples of a chunk; C channels, S side of an image; p = C S² input and d
activation dimensions; m weak directions, M perturbations along them.
"""

import copy
from collections.abc import Iterator, Mapping, Sequence
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
from ...schemas.config import Precision
from ...schemas.records import QUERIES
from . import Values
from ._covariance import multi_point, single_point
from ._exact import displacements, exactly
from ._gaussian import GREY_LEVELS, REPEATED_NOISE, GaussianBound, Sigma
from ._linear import Linear, linearized
from ._weak_directions import Search, weak_directions

LOW = 8  # the lowest 8 x 8 modes of each channel are called low
CHUNK_NUMBERS = 2**23  # float64 numbers of perturbed activations held at a time: 64 MiB
EXACT_RANK = 256  # input dimensions up to which the Jacobian's rank is computed
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Weak:
    """Directions (n, m, p) in which the activations of images (n, C, S, S) hardly move.

    `unconstrained` (n,) counts input dimensions on which the activation does not depend near the
    image: at least these.
    """

    images: Tensor
    linear: Linear
    directions: Tensor
    unconstrained: Tensor


@dataclass(frozen=True)
class Points:
    """Perturbations ε (n, M, C, S, S) of n images and how far each moves the activation; float64.

    ε is in units of [0, 1] images, z (n, M, d) in those of the activation; `margin` (n,) is what
    rounding may have taken from a |z|.
    """

    epsilon: Tensor
    moved: Tensor
    margin: Tensor


@dataclass(frozen=True)
class Floors:
    """Lower bounds on standard deviations, in grey levels: each (n, C, S, S).

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
    each is tried at several sizes: those that move the activation by `scales` times the noise, or
    a pixel by `scales` times its range. A bound holds however well they were found, so the search
    may use bfloat16 (`precision`), where the processor has it; the bound itself is in float64.

    An estimator with prior knowledge is biased, and may err less. One counts as unbiased if it is
    so for every input near the sample, photo or not. Where `unconstrained` is not zero, no finite
    floor is the last word: a longer search finds a higher one.
    """

    quantities: ClassVar = {
        "rmse_floor": _floor("no unbiased estimator has a smaller root mean square error"),
        "repeated_rmse_floor": _floor(f"the same for one that sees {QUERIES} queries of the image"),
        "single_point_rmse_floor": _floor("rmse_floor from one perturbation at a time"),
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
        tolerance: Annotated[float, Field(gt=0, lt=1)] = 1e-4,
        scales: tuple[Annotated[float, Field(gt=0, le=1)], ...] = (0.01, 0.1, 0.7),
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        super().__init__(sigma=sigma)
        self.precision = precision
        self.search = Search(perturbations, pits, iterations, tolerance)
        self.scales = scales
        self.seed = seed

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield the quantities, a chunk of samples at a time."""
        images = inputs.float() / GREY_LEVELS
        std = self.noise_std(client, images)
        exact = exactly(client)
        for weak in self.weak(client, images):
            points = perturbed(exact, weak, std, self.scales)
            repeated = floors(points, std * REPEATED_NOISE)
            yield {
                **summary(floors(points, std), weak.unconstrained),
                "repeated_rmse_floor": over_modes(repeated.modes),
            }

    def pictures(self, client: Any, inputs: Tensor) -> Mapping[str, NDArray[np.uint8]]:
        """Draw, for each input, its floor per pixel and per DCT mode: white is 64 grey levels."""
        images = inputs.float() / GREY_LEVELS
        std, exact = self.noise_std(client, images), exactly(client)
        drawn = [
            floors(perturbed(exact, weak, std, self.scales), std)
            for weak in self.weak(client, images)
        ]
        return {
            f"{name}-{row}": _grey(part.mean(axis=0))
            for name in ("modes", "pixels")
            for row, part in enumerate(np.concatenate([getattr(one, name) for one in drawn]))
        }

    def weak(self, client: Any, images: Tensor) -> Iterator[Weak]:
        """Search for weak directions of images in [0, 1], a chunk of samples at a time."""
        generator = torch.Generator().manual_seed(self.seed)
        dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        searched = copy.deepcopy(client).to(dtype)
        with torch.no_grad():
            features = client.mean(images[:1]).numel()
        count = self.search.perturbations * self.search.pits * len(self.scales)
        step = max(1, CHUNK_NUMBERS // (count * (images[0].numel() + features)))
        for part in images.split(step):
            linear = linearized(searched.mean, part.to(dtype))
            directions = weak_directions(linear, len(part), self.search, generator)
            yield Weak(part, linear, directions, unconstrained(linear, len(part), generator))


def perturbed(exact: Any, weak: Weak, std: float, scales: Sequence[float]) -> Points:
    """Perturb images along their weak directions, far enough to tell from noise of `std`.

    Beyond a kink the activation may move where it did not: what moved it more than twice as far as
    the Jacobian said is shrunk by as much, for a perturbation that is told apart bounds nothing.
    """
    images = weak.images.double()
    epsilon, far = sized(weak.linear, weak.directions, std, scales)
    moved, margin = displacements(exact.mean, images, epsilon)
    excess = moved.norm(dim=2) / far
    if (excess > 2).any():
        epsilon = epsilon / torch.where(excess > 2, excess, 1)[:, :, None]
        moved, margin = displacements(exact.mean, images, epsilon)
    return Points(epsilon.unflatten(2, weak.images.shape[1:]), moved, margin)


def sized(
    linear: Linear, directions: Tensor, std: float, scales: Sequence[float]
) -> tuple[Tensor, Tensor]:
    """Stretch unit directions (n, m, p) so that each moves the activation by every s · std.

    To first order, and where no pixel moves by more than s times the full range. Returns
    (n, m · scales, p) and how far each may move the activation, (m · scales,).
    """
    moved = torch.stack([linear.forward(one).norm(dim=1) for one in directions.unbind(1)], dim=1)
    widest = directions.abs().amax(dim=2)
    lengths = [scale * torch.minimum(std / moved, 1 / widest) for scale in scales]
    far = std * torch.tensor(scales).double().repeat_interleave(directions.shape[1])
    return torch.cat([length[:, :, None] * directions for length in lengths], dim=1).double(), far


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


def floors(points: Points, std: float) -> Floors:
    """Bound each DCT mode and each pixel of n images from their perturbations."""
    modes, pixels = dct(points.epsilon).flatten(2), points.epsilon.flatten(2)
    bounds = (
        multi_point(modes, points.moved, std, points.margin),
        multi_point(pixels, points.moved, std, points.margin),
        single_point(modes, points.moved, std, points.margin),
    )
    shape = points.epsilon.shape[2:]
    return Floors(*((GREY_LEVELS * b.sqrt()).unflatten(1, shape).numpy() for b in bounds))


def dct(images: Tensor) -> Tensor:
    """Orthonormal type-II DCT of each channel of images (…, S, S), float64."""
    matrix = torch.from_numpy(scipy.fft.dct(np.eye(images.shape[-1]), norm="ortho", axis=0))
    modes: Tensor = matrix @ images @ matrix.T
    return modes


def summary(found: Floors, unconstrained: Tensor) -> Values:
    """Reduce the floors of n samples to one number each."""
    axes = (1, 2, 3)
    return {
        "rmse_floor": over_modes(found.modes),
        "single_point_rmse_floor": over_modes(found.single_point),
        "mode_floor": np.median(found.modes, axis=axes),
        "low_mode_floor": np.median(found.modes[:, :, :LOW, :LOW], axis=axes),
        "pixel_floor": np.median(found.pixels, axis=axes),
        "unconstrained": unconstrained.double().numpy(),
    }


def over_modes(floor: NDArray[np.float64]) -> NDArray[np.float64]:
    """The floor on the root mean square error over all modes, or pixels, of n images: (n,)."""
    total: NDArray[np.float64] = np.sqrt(np.square(floor).mean(axis=(1, 2, 3)))
    return total


WHITE = 64.0  # grey levels
MAGNIFY = 4


def _grey(floor: NDArray[np.float64]) -> NDArray[np.uint8]:
    shade = np.clip(floor / WHITE, 0, 1) * 255
    return shade.astype(np.uint8).repeat(MAGNIFY, 0).repeat(MAGNIFY, 1)
