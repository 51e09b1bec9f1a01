"""The Hammersley-Chapman-Robbins inequality for Gaussian noise, with one point and with many.

For activations a(θ) + N(0, std² I) and a perturbation ε with z = a(θ + ε) - a(θ), every estimator
that is unbiased at θ and at θ + ε has, in every coordinate k of every orthonormal basis,

    Var(θ̂_k) ≥ ε_k² / (exp(‖z‖² / std²) - 1),

and for many perturbations, Cov(θ̂) ⪰ E D⁻¹ Eᵀ with D_ij = exp(z_i·z_j / std²) - 1 (Barankin 1949).
No derivative is involved; ε → 0 gives the Cramér-Rao bound.

Legend: n samples; M perturbations; p input dimensions; d activation dimensions. All float64.
`margin` (n,) is how much rounding may have taken from a |z|; it is given back before use.
"""

import torch
from torch import Tensor

# Beyond it a perturbation is told apart for certain: it bounds the deviation by ε · e⁻⁵⁰.
LARGEST_EXPONENT = 100.0
# Added to D, scaled to a unit diagonal: more than rounding can do to it, so that rounding only
# lowers the bound. It takes the place of a pseudo-inverse's threshold.
RIDGE = 1e-8


def single_point(epsilon: Tensor, moved: Tensor, std: float, margin: Tensor) -> Tensor:
    """The largest one-point bound on each variance: ε (n, M, p) and z (n, M, d) to (n, p).

    Infinite where a perturbation does not move the activation at all.

    >>> line = torch.tensor([[[0.001], [1.0]]]).double()  # a(θ) = 2θ, noise of deviation 2
    >>> single_point(line, 2 * line, 2.0, torch.zeros(1))  # Cramér-Rao: 1; afar: 1 / (e - 1)
    tensor([[1.0000]], dtype=torch.float64)
    """
    gain = _inverse(torch.expm1(_exponents(moved, std, margin).diagonal(dim1=1, dim2=2)))
    return _times(epsilon.square(), gain[:, :, None]).amax(dim=1)


def multi_point(epsilon: Tensor, moved: Tensor, std: float, margin: Tensor) -> Tensor:
    """The bound of all perturbations together on each variance: (n, p), at least `single_point`.

    At least up to the ridge, that is. Infinite where a perturbation does not move the activation.
    """
    exponents = _exponents(moved, std, margin)
    own = exponents.diagonal(dim1=1, dim2=2)
    useful = (own > 0) & (own < LARGEST_EXPONENT)
    scale = torch.where(useful, torch.expm1(own.clamp(max=LARGEST_EXPONENT)).rsqrt(), 0.0)
    pairs = torch.expm1(exponents.clamp(max=LARGEST_EXPONENT)) * scale[:, :, None] * scale[:, None]
    matrix = pairs + RIDGE * torch.eye(pairs.shape[1]).to(pairs)
    factor = torch.linalg.cholesky(matrix + torch.diag_embed((~useful).to(pairs)))
    whitened = torch.linalg.solve_triangular(factor, epsilon * scale[:, :, None], upper=False)
    unmoved = _times(epsilon.square(), torch.where(own == 0, torch.inf, 0.0)[:, :, None])
    bound: Tensor = whitened.square().sum(dim=1) + unmoved.amax(dim=1)
    return bound


def _exponents(moved: Tensor, std: float, margin: Tensor) -> Tensor:
    """z_i·z_j / std², with |z_i| + margin in the place of |z_i| on the diagonal: (n, M, M)."""
    scaled = moved / std
    given_back = (scaled.norm(dim=2) + margin[:, None] / std).square() - scaled.square().sum(dim=2)
    return scaled @ scaled.transpose(1, 2) + torch.diag_embed(given_back)


def _inverse(values: Tensor) -> Tensor:
    return torch.where(values > 0, 1 / values, torch.inf)


def _times(values: Tensor, factor: Tensor) -> Tensor:
    """The product, with 0 · ∞ = 0: a perturbation says nothing where it is zero."""
    return torch.where(values > 0, values * factor, 0.0)
