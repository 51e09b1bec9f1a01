"""HCR bounds of a batch: ours beside SciPy's LSQR on the batch as one operator, as published.

Both run the same number of perturbations, solves and iterations, to the same tolerance, and their
best single perturbation bounds the same samples, in float64, from the same network: that of the
small CIFAR-10 experiment, 3072 features, with random weights.

Legend: B samples of the batch; p input dimensions; d activation dimensions.
"""

import math
import time
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator, lsqr
from torch import Tensor
from torch.nn import functional

from ..evaluate.bounds._covariance import single_point
from ..evaluate.bounds._exact import displacements, exactly
from ..evaluate.bounds.hcr import Hcr, Points, dct, perturbed
from ..evaluate.fitting import seeded
from ..experiments._small_nets import SmallClient, convolutional
from . import Case

BATCH = 64
PERTURBATIONS, PITS, ITERATIONS, TOLERANCE = 2, 2, 20, 2e-2  # the last as published
SIGMA = 5.0  # times the root mean square of the features, as published for this network
SCALE = 1 / 500  # how far a perturbation moves the features, in standard deviations of the noise
SIDE = 32


def run() -> dict[str, Case]:
    """Bound one batch both ways."""
    generator = torch.Generator().manual_seed(0)
    with seeded(0):
        network = SmallClient(convolutional((32, 1024, 3072))).requires_grad_(False)
    coarse = torch.rand(BATCH, 3, 8, 8, generator=generator)
    images = functional.interpolate(coarse, SIDE, mode="bicubic").clamp(0, 1)
    std = SIGMA * network.mean(images).square().mean().sqrt().item()
    network.mean(images[:1])
    our_time, our_floor = _timed(lambda: ours(network, images, std))
    their_time, their_floor = _timed(lambda: batch_wide(network, images, std, generator))
    counts = (
        f"{PERTURBATIONS} perturbations, {PITS} solves of at most {ITERATIONS} iterations, "
        f"tolerance {TOLERANCE:g}, batch {BATCH}, random weights"
    )
    baseline_is = (
        "SciPy's LSQR on the batch as one block-diagonal operator, whose products are "
        f"torch.func.jvp and vjp at the perturbed images, as published, in float32 (ours search "
        f"in bfloat16; both bound in float64); {counts}"
    )
    ratio = float(np.median(our_floor / their_floor))
    return {
        "scipy-lsqr": Case.of(BATCH / our_time, BATCH / their_time, "samples/s", baseline_is),
        "scipy-lsqr-bound": Case(
            ours=float(np.median(our_floor)),
            baseline=float(np.median(their_floor)),
            unit="grey levels, a floor on the root mean square error: higher is tighter",
            ratio=ratio,
            baseline_is=f"{baseline_is}; the ratio is the median over the samples",
        ),
    }


def _timed(
    bound: Callable[[], NDArray[np.float64]],
) -> tuple[float, NDArray[np.float64]]:
    start = time.perf_counter()
    found = bound()
    return time.perf_counter() - start, found


def ours(network: SmallClient, images: Tensor, std: float) -> NDArray[np.float64]:
    """The floor of each sample by our search, from its best single perturbation: (B,)."""
    search = Hcr(
        perturbations=PERTURBATIONS,
        pits=PITS,
        iterations=ITERATIONS,
        tolerance=TOLERANCE,
        scales=(SCALE,),
        precision="bfloat16",
    )
    exact = exactly(network)
    return np.concatenate(
        [
            floor(perturbed(exact, weak, std, search.scales), std)
            for weak in search.weak(network, images)
        ]
    )


def batch_wide(
    network: SmallClient, images: Tensor, std: float, generator: torch.Generator
) -> NDArray[np.float64]:
    """The floor of each sample by algorithm 1 of Chaudhuri et al. (2024), as published: (B,)."""
    features = network.mean(images)
    ends = []
    for _ in range(PERTURBATIONS):
        noise = (
            torch.randn(features.shape, generator=generator)
            * std
            * SCALE
            / math.sqrt(features.shape[1])
        )
        sizes = noise.norm(dim=1, keepdim=True)
        target, perturbed = noise, images
        for _ in range(PITS):
            target = target / target.norm(dim=1, keepdim=True) * sizes
            perturbed = images + _preimage(network, perturbed, target)
            target = network.mean(perturbed) - features
        ends.append((perturbed - images).flatten(1).double())
    epsilon = torch.stack(ends, dim=1)
    moved, margin = displacements(exactly(network).mean, images.double(), epsilon)
    return floor(Points(epsilon.unflatten(2, images.shape[1:]), moved, margin), std)


def _preimage(network: SmallClient, images: Tensor, target: Tensor) -> Tensor:
    """Solve J ε = target in the least-squares sense, all samples as one problem."""

    def forward(tangent: NDArray[np.float64]) -> NDArray[np.float32]:
        vector = torch.from_numpy(tangent).float().view_as(images)
        pushed: Tensor = torch.func.jvp(network.mean, (images,), (vector,))[1]
        return pushed.numpy().ravel()

    def transposed(cotangent: NDArray[np.float64]) -> NDArray[np.float32]:
        vector = torch.from_numpy(cotangent).float().view_as(target)
        pulled: Tensor = torch.func.vjp(network.mean, images)[1](vector)[0]
        return pulled.numpy().ravel()

    jacobian = LinearOperator(
        (target.numel(), images.numel()), matvec=forward, rmatvec=transposed, dtype=np.float64
    )
    right = target.double().numpy().ravel()
    solution = lsqr(jacobian, right, atol=TOLERANCE, btol=TOLERANCE, iter_lim=ITERATIONS)[0]
    return torch.from_numpy(solution).float().view_as(images)


def floor(points: Points, std: float) -> NDArray[np.float64]:
    """The root mean square over DCT modes of each sample's best single-point bound: (B,)."""
    modes = dct(points.epsilon).flatten(2)
    variances = single_point(modes, points.moved, std, points.margin)
    return 255 * variances.mean(dim=1).sqrt().numpy()
