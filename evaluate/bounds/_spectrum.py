"""Singular values of a client's Jacobian: all of them, or estimates by Lanczos quadrature.

Legend: n samples; p values of one image, d of its activation, r of which move at all; J (d, p).
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ._linear import Linear

ROWS = 256  # rows of a Jacobian computed at a time
CONVERGED = 1e-4  # of the largest: a singular value found this exactly is known
ROUNDING = 1e-5  # of the largest: float32 tells a singular value from zero
ONE_VALUE = 16.0  # times the mean share: one value's is larger once in 16,000 (chi-square, 1)


def moving_outputs(linear: Linear, images: Tensor, generator: torch.Generator) -> Tensor:
    """Which outputs move with the image at all: (n, d) bool.

    A random direction moves every output whose row of J is not zero, with probability one.
    """
    shape = (len(images), linear.inputs)
    return linear.forward(torch.randn(shape, generator=generator, dtype=images.dtype)) != 0


def exact_spectrum(
    sent: Callable[[Tensor], Tensor], image: Tensor, moving: Tensor
) -> NDArray[np.float64]:
    """All singular values of one image (1, 3, S, S), falling, from the rows of J that move.

    `moving` (d,) bool says which; zero alone where none does.
    """
    if not moving.any():
        return np.zeros(1)
    image = image.detach().requires_grad_()
    activation = sent(image)

    def rows(outputs: Tensor) -> Tensor:
        units = functional.one_hot(outputs, len(moving)).to(image.dtype)
        seeds = units.view(-1, *activation.shape)
        (gradients,) = torch.autograd.grad(
            activation, image, seeds, retain_graph=True, is_grads_batched=True
        )
        return gradients.flatten(1)

    jacobian = torch.cat([rows(part) for part in moving.nonzero().flatten().split(ROWS)])
    values: NDArray[np.float64] = torch.linalg.svdvals(jacobian).double().numpy()
    return values


def sketched_spectra(
    linear: Linear, moving: Tensor, steps: int, generator: torch.Generator
) -> list[NDArray[np.float64]]:
    """Estimate the min(r, p) singular values of n Jacobians from `steps` of Lanczos: n arrays.

    One random vector each, on the smaller side, so that few directions are mapped to zero. See
    Ubaru & Saad, "Fast methods for estimating the numerical rank of large matrices" (ICML 2016).
    The largest values, and all of them where there are fewer than `steps`, are found themselves;
    between the others the density of the quadrature is filled in on a logarithmic scale.
    """
    side = moving
    if moving.sum(dim=1).max() > linear.inputs:
        linear, side = linear.swapped, torch.ones(len(moving), linear.inputs, dtype=torch.bool)
    start = torch.randn(side.shape, generator=generator) * side
    diagonal, below = _bidiagonal(linear, start, steps)
    square = torch.diag_embed(diagonal) + torch.diag_embed(below[:, :-1], offset=-1)
    left, values, _ = torch.linalg.svd(square.double())
    residual = (diagonal * below)[:, -1:].double() * left[:, -1].abs()  # of J Jᵀ u = value² u
    known = residual <= CONVERGED * values * values[:, :1]
    shares, counts = left[:, 0].square(), side.sum(dim=1).tolist()
    return [
        _filled_in(*sample)
        for sample in zip(values.numpy(), shares.numpy(), known.numpy(), counts, strict=True)
    ]


def _bidiagonal(linear: Linear, start: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    """Golub-Kahan bidiagonalisation of n Jacobians at once: its two diagonals, (n, steps) each.

    Both bases are kept orthogonal: where one singular value towers above the rest, rounding would
    otherwise grow from step to step. A sample whose Krylov space is exhausted goes on with zeros.
    """
    count = len(start)
    diagonal, below = start.new_zeros(count, steps), start.new_zeros(count, steps)
    lefts = start.new_zeros(count, steps, start.shape[1])
    rights = start.new_zeros(count, steps, linear.inputs)
    left, largest = _unit(start, start.new_zeros(count, 1))[0], start.new_zeros(count, 1)
    for step in range(steps):
        lefts[:, step] = left
        pulled = _orthogonal(linear.transposed(left), rights[:, :step])
        right, size = _unit(pulled, largest)
        rights[:, step], diagonal[:, step] = right, size[:, 0]
        largest = torch.maximum(largest, size)
        left, size = _unit(_orthogonal(linear.forward(right), lefts[:, : step + 1]), largest)
        below[:, step] = size[:, 0]
        largest = torch.maximum(largest, size)
    return diagonal, below


def _orthogonal(vectors: Tensor, basis: Tensor) -> Tensor:
    """Take from vectors (n, p) what lies in the span of bases (n, k, p); twice is enough."""
    for _ in range(2):
        inside = (basis @ vectors[:, :, None]).mT
        vectors = vectors - (inside @ basis)[:, 0]
    return vectors


def _unit(vectors: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
    """Scale rows to unit length; those that are only rounding beside `scale` become zero."""
    size = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    size = torch.where(size > 100 * torch.finfo(vectors.dtype).eps * scale, size, 0)
    return torch.where(size > 0, vectors / size.where(size > 0, 1), 0), size


def _filled_in(
    values: NDArray[np.float64], shares: NDArray[np.float64], known: NDArray[Any], count: int
) -> NDArray[np.float64]:
    """Spread `count` singular values as the quadrature says: falling, (max(count, 1),).

    A known value counts once, since its share is only a guess of that, unless the share is too
    large to be one value's; the others have what is left, by their shares.
    """
    if count == 0:
        return np.zeros(1)
    single = known & (values > ROUNDING * values[0]) & (count * shares <= ONE_VALUE)
    rest = np.where(single, 0, shares)
    left = count - single.sum()
    if left <= 0:
        weights = single.astype(np.float64)
    elif rest.sum() > ROUNDING:
        weights = np.where(single, 1, left * rest / rest.sum())
    else:  # every value is known, and some stand for several equal ones
        weights = count * shares
    middles = (weights.cumsum() - weights / 2)[weights > ROUNDING]
    logs = np.log(np.maximum(values, np.finfo(np.float64).tiny))[weights > ROUNDING]
    filled: NDArray[np.float64] = np.exp(np.interp(np.arange(count) + 0.5, middles, logs))
    return filled
