"""Fisher information of the input (dFIL), the common yardstick for noisy activations.

Legend: n samples of a chunk; p input dimensions; d activation dimensions; J (d, p) Jacobian.
"""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from ...schemas import Direction
from ...schemas.bounds import Quantity
from ...schemas.records import QUERIES
from . import Values
from ._gaussian import GREY_LEVELS, REPEATED_NOISE, GaussianBound, Sigma

CHUNK = 64


class Fisher(GaussianBound):
    """Diagonal Fisher information leakage, tr(JᵀJ) / (σ² p), and the error it guarantees.

    The mean squared error of every unbiased estimator is at least 1 / dFIL (Maeng et al. 2023,
    "Bounding the invertibility of privacy-preserving instance encoding using Fisher information",
    eq. 5): Cramér-Rao, loosened so that no Jacobian has to be inverted. The trace is estimated
    by `probes` random vectors (Hutchinson), or summed over all features with `exact`.
    """

    quantities: ClassVar = {
        "dfil": Quantity(
            unit="per squared grey level",
            direction=Direction.HIGHER_LEAKS_MORE,
            meaning="Fisher information about the input, averaged over its dimensions",
        ),
        "rmse_floor": Quantity(
            unit="grey levels",
            direction=Direction.LOWER_LEAKS_MORE,
            meaning="no unbiased estimator of the input has a smaller root mean square error",
        ),
        "repeated_rmse_floor": Quantity(
            unit="grey levels",
            direction=Direction.LOWER_LEAKS_MORE,
            meaning=f"the same for one that sees {QUERIES} queries of the image",
        ),
    }

    def __init__(
        self,
        *,
        sigma: Sigma = 0.0,
        probes: Annotated[int, Field(ge=1)] = 32,
        exact: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(sigma=sigma)
        self.probes = probes
        self.exact = exact
        self.seed = seed

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield the quantities."""
        images = inputs.float() / GREY_LEVELS
        std = self.noise_std(client, images) * GREY_LEVELS  # of images in grey levels
        generator = torch.Generator().manual_seed(self.seed)
        for part in images.split(CHUNK):
            information = self.trace(client.mean, part, generator) / (std**2 * part[0].numel())
            with np.errstate(divide="ignore"):
                floor = 1 / np.sqrt(information)
            yield {
                "dfil": information,
                "rmse_floor": floor,
                "repeated_rmse_floor": REPEATED_NOISE * floor,
            }

    def trace(self, mean: Any, images: Tensor, generator: torch.Generator) -> Any:
        """tr(JᵀJ) of each of n images: (n,) float64."""
        images = images.clone().requires_grad_()
        activation = mean(images)
        total = torch.zeros(len(images), dtype=torch.float64)
        for probe in self._probes(activation, generator):
            (pulled,) = torch.autograd.grad(activation, images, probe, retain_graph=True)
            total += pulled.double().square().flatten(1).sum(dim=1)
        return total.numpy()

    def _probes(self, activation: Tensor, generator: torch.Generator) -> Iterator[Tensor]:
        """Vectors u with E Σ uuᵀ = I: random signs, or every unit vector."""
        if self.exact:
            features = activation[0].numel()
            for row in torch.eye(features, dtype=activation.dtype):
                yield row.view(1, *activation.shape[1:]).expand_as(activation)
            return
        for _ in range(self.probes):
            signs = torch.randint(2, activation.shape, generator=generator) * 2 - 1
            yield signs.to(activation.dtype) / self.probes**0.5
