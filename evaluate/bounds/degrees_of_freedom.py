"""Degrees of freedom: in how many independent directions activations vary over images.

Legend: N samples; d values of one activation; Z (N, d) activations; K = Z Zᵀ.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...schemas import Direction
from ...schemas.bounds import Quantity
from . import Bound, Values
from ._fixed import fixed

RIDGES = {"1e-3": 1e-3, "1e-2": 1e-2, "1e-1": 1e-1}
TINY = torch.finfo(torch.float32).tiny
CHUNK = 256  # images encoded at a time

Statistic = Callable[[Tensor], Tensor]  # eigenvalues of the covariance (N,) to a number


def _more(meaning: str) -> Quantity:
    return Quantity(
        unit="directions", direction=Direction.HIGHER_LEAKS_MORE, meaning=meaning, summary="mean"
    )


class DegreesOfFreedom(Bound):
    """Effective dimensions of the activations of a set of images, before any Gaussian noise.

    `ridge_RHO` is the trace of the hat matrix Z (ZᵀZ + N λ I)⁻¹ Zᵀ of ridge regression on the
    centred activations, with λ = RHO times the mean eigenvalue of their covariance; it cannot
    exceed `cap`. The other two need no λ. All are numbers of the whole set: what is yielded of an
    image is the number plus the image's influence on it (the infinitesimal jackknife), so that
    the mean over images is the number itself. Our reading of Huang et al. 2024, whose estimator
    is not public; nothing in it bounds an attack by proof.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {
        **{
            f"ridge_{name}": _more(f"degrees of freedom of ridge regression, λ = {name} · mean")
            for name in RIDGES
        },
        "participation_ratio": _more("squared sum of the eigenvalues over the sum of squares"),
        "entropy_rank": _more("exponential of the entropy of the eigenvalues' shares"),
        "cap": _more("the most any of these can be: n - 1 or the size of an activation"),
    }

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield all images at once, since the numbers are of the set."""
        activations = _encoded(client, inputs)
        yield contributions(activations)

    def ranges(self, measured: Values) -> Mapping[str, tuple[float, float]]:
        """From no direction, or the one that any variance has, to all of them."""
        cap = float(measured["cap"][0])
        one = min(1.0, float(measured["entropy_rank"].mean()))  # 0 without variance
        least = {"participation_ratio": one, "entropy_rank": one, "cap": cap}
        return {name: (least.get(name, 0.0), cap) for name in self.quantities}


def contributions(activations: Tensor) -> Values:
    """Each of N images' part in every quantity of activations (N, d): the mean is the quantity."""
    count, size = activations.shape
    statistics: dict[str, Statistic] = {
        **{f"ridge_{name}": _ridge(rho, size) for name, rho in RIDGES.items()},
        "participation_ratio": participation_ratio,
        "entropy_rank": entropy_rank,
    }
    centred = activations.double() - activations.double().mean(dim=0)
    gram = centred @ centred.T
    multiplicity = torch.ones(count, dtype=torch.float64, requires_grad=True)
    eigenvalues = weighted_eigenvalues(gram, multiplicity)
    parts = {name: _parts(s(eigenvalues), multiplicity) for name, s in statistics.items()}
    return parts | {"cap": np.full(count, float(min(count - 1, size)))}


def weighted_eigenvalues(gram: Tensor, multiplicity: Tensor) -> Tensor:
    """Eigenvalues (N,) of the covariance when sample i counts `multiplicity[i]` times.

    They are those of W^½ (I - 1wᵀ) K (I - w1ᵀ) W^½ with w the weights, so that d never matters.
    """
    weights = multiplicity / multiplicity.sum()
    rows = gram - weights @ gram
    centred = rows - (rows @ weights)[:, None]
    root = weights.sqrt()
    eigenvalues: Tensor = torch.linalg.eigvalsh(root[:, None] * centred * root)
    return eigenvalues.clamp(min=0)


def _ridge(rho: float, size: int) -> Statistic:
    return lambda eigenvalues: ridge_degrees(eigenvalues, rho * eigenvalues.sum() / size)


def ridge_degrees(eigenvalues: Tensor, ridge: Tensor) -> Tensor:
    """Effective degrees of freedom of ridge regression, a sum over eigenvalues of the covariance.

    >>> ridge_degrees(torch.tensor([3.0, 1.0, 0.0]), torch.tensor(1.0))
    tensor(1.2500)
    """
    kept = eigenvalues / (eigenvalues + ridge).clamp(min=TINY)
    total: Tensor = kept.sum()
    return total


def participation_ratio(eigenvalues: Tensor) -> Tensor:
    """How many equal eigenvalues would spread the variance as these do; 0 without variance.

    >>> participation_ratio(torch.tensor([2.0, 2.0, 0.0]))
    tensor(2.)
    """
    return eigenvalues.sum().square() / eigenvalues.square().sum().clamp(min=TINY)


def entropy_rank(eigenvalues: Tensor) -> Tensor:
    """The exponential of the entropy of the eigenvalues' shares of the variance (Roy & Vetterli).

    >>> entropy_rank(torch.tensor([2.0, 2.0, 0.0]))
    tensor(2.)
    """
    total = eigenvalues.sum()
    shares = eigenvalues / total.clamp(min=TINY)
    rank = torch.exp(-(shares * shares.clamp(min=TINY).log()).sum())
    return torch.where(total > 0, rank, 0)


def _parts(value: Tensor, multiplicity: Tensor) -> NDArray[np.float64]:
    (slope,) = torch.autograd.grad(value, multiplicity, retain_graph=True)
    parts: NDArray[np.float64] = (value + len(multiplicity) * slope).detach().numpy()
    return parts


@torch.no_grad()
def _encoded(client: Any, inputs: Tensor) -> Tensor:
    sent = fixed(client, seed=0)
    return torch.cat([sent(part.float() / 255).flatten(1) for part in inputs.split(CHUNK)])
