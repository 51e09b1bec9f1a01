"""Directions in which the activation hardly moves, by iterated least squares on the Jacobian.

Legend: n samples; p input dimensions; T perturbations; R solves per perturbation ("pits");
J (d, p) Jacobian of a sample.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from ._linear import Linear

TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Search:
    """How hard to search: T perturbations, R solves each, of at most `iterations` steps.

    A sample's solve ends by the first rule of LSQR (Paige & Saunders 1982), its tolerances equal:
    the solution is exact for a Jacobian and a right-hand side that are off by so much.
    """

    perturbations: int
    pits: int
    iterations: int
    tolerance: float


def weak_directions(linear: Linear, n: int, search: Search, generator: torch.Generator) -> Tensor:
    """Search for unit vectors e with a small |Je| for each of n samples: (n, T · R, p).

    Each perturbation starts as a random image and is weakened further by every solve. It starts
    orthogonal to the ends of those before it, so that each finds another direction; there are at
    most p.

    Algorithm 1 of Chaudhuri et al. (2024) starts from random features, takes their least-squares
    preimage, and so stays where the activation does see the input. An image starts mostly where it
    does not, and needs a fraction of the steps to get as weak.
    """
    count = min(search.perturbations, linear.inputs)
    ends = torch.zeros(n, count, linear.inputs)
    found = []
    for row in range(count):
        start = torch.randn(n, linear.inputs, generator=generator)
        direction = _unit(_apart(start, ends))
        for _ in range(search.pits):
            direction = _unit(weakened(linear, direction, search))
            found.append(direction)
        ends[:, row] = _unit(_apart(direction, ends))
    return torch.stack(found, dim=1)


def weakened(linear: Linear, direction: Tensor, search: Search) -> Tensor:
    """Take from each direction (n, p) what the activation shows of it.

    Conjugate gradients on the least-squares problem min |J(e - w)| over w, each sample until its
    own tolerance; of the steps e - w the one with the smallest |J(e - w)| / |e - w| is returned.
    Never weaker than it was: the first step is w = 0.
    """
    left, best = direction.clone(), direction.clone()
    moved = linear.forward(direction)
    start = _norm(moved)
    smallest = start / _norm(direction).clamp(min=TINY)
    gradient = linear.transposed(moved)
    step, size = gradient.clone(), _dot(gradient, gradient)
    active, norm, growth = size > 0, torch.zeros_like(size), torch.zeros_like(size)
    for _ in range(search.iterations):
        pushed = linear.forward(step)
        curvature = _dot(pushed, pushed).clamp(min=TINY) / size.clamp(min=TINY)
        length = torch.where(active, 1 / curvature, 0.0)
        left -= length * step
        moved -= length * pushed
        ratio = _norm(moved) / _norm(left).clamp(min=TINY)
        better = active & (ratio < smallest)
        best, smallest = torch.where(better, left, best), torch.where(better, ratio, smallest)
        norm += curvature + growth  # of J, squared: the trace of Lanczos' matrix for JᵀJ
        enough = norm.sqrt() * _norm(direction - left) + start
        active &= _norm(moved) > search.tolerance * enough
        if not active.any():
            break
        gradient = linear.transposed(moved)
        before, size = size, _dot(gradient, gradient)
        growth = curvature * size / before.clamp(min=TINY)
        step = gradient + size / before.clamp(min=TINY) * step
    return best


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=1, keepdim=True)


def _norm(vectors: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return norm


def _unit(vectors: Tensor) -> Tensor:
    return vectors / _norm(vectors).clamp(min=TINY)


def _apart(direction: Tensor, others: Tensor) -> Tensor:
    """The part of (n, p) that is orthogonal to orthonormal (or zero) rows (n, T, p)."""
    along = torch.einsum("ntp,np->nt", others, direction)
    return direction - torch.einsum("ntp,nt->np", others, along)
