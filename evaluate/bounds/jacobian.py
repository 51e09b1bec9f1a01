"""The Jacobian of what is sent: along how many directions of the image it moves, and how far.

Legend: N samples; p values of one image, d of its activation, r of which move at all.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ...schemas import Direction
from ...schemas.bounds import Quantity
from . import Bound, Values
from ._fixed import fixed
from ._linear import linearized
from ._spectrum import exact_spectrum, moving_outputs, sketched_spectra

WORK = 2**38  # min(r, p)² · max(r, p) that is still computed whole: about a minute
HELD = 2**24  # numbers of Lanczos vectors held at a time: 64 MiB


def _more(unit: str, meaning: str) -> Quantity:
    return Quantity(unit=unit, direction=Direction.HIGHER_LEAKS_MORE, meaning=meaning)


class Jacobian(Bound):
    """Rank, size and volume of the derivative of what is sent with respect to the image.

    The defense is part of the map: a removed channel takes rank away, one that is merely scaled
    does not. Noise is held fixed, so none of this sees it (`fisher` and `hcr` do). This is our
    reading of the sensitivity of Huang et al. 2024, whose estimator is not public.

    Of the first `exact` images all singular values are computed, in float64: a rank at the level
    of rounding means nothing in the float32 of the client. The other images, and any whose
    Jacobian is too large for that, are sketched by `steps` of Lanczos in float32, which separates
    singular values down to about a hundredth of the largest; what lies below is not reported.
    """

    quantities: ClassVar[Mapping[str, Quantity]] = {
        "rank": _more("directions", "singular values above max(d, p) · eps; exact images only"),
        "rank_1e-3": _more(
            "directions", "singular values above 1e-3 of the largest; exact images only"
        ),
        "rank_1e-2": _more("directions", "singular values above 1e-2 of the largest"),
        "stable_rank": _more("directions", "sum of the squared singular values over the largest"),
        "largest": _more("activation / grey range", "largest singular value"),
        "log_volume": _more("nats", "sum of the logarithms of those above 1e-2 of the largest"),
    }

    def __init__(
        self,
        *,
        exact: Annotated[int, Field(ge=0)] = 8,
        steps: Annotated[int, Field(ge=8, le=1024)] = 96,
        seed: int = 0,
    ) -> None:
        self.exact = exact
        self.steps = steps
        self.seed = seed

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield one image at a time while exact, then a few at a time."""
        precise = copy.deepcopy(client).double()
        for row, image in enumerate(inputs[: self.exact]):
            yield self._exact(precise, image[None].double() / 255, self.seed + row)
        rest = inputs[self.exact :]
        if len(rest):
            for part in rest.split(self._together(client, rest)):
                yield self._sketched(client, part.float() / 255, self.seed)

    def _exact(self, client: Any, image: Tensor, seed: int) -> Values:
        sent = fixed(client, seed)
        moving = moving_outputs(linearized(sent, image), image, _generator(seed))[0]
        small, large = sorted((int(moving.sum()), image.numel()))
        if small**2 * large > WORK:
            return self._sketched(client.float(), image.float(), seed)
        spectrum = exact_spectrum(sent, image, moving)
        rounding = max(moving.numel(), image.numel()) * np.finfo(np.float64).eps
        exact = {"rank": above(spectrum, rounding), "rank_1e-3": above(spectrum, 1e-3)}
        return {key: np.array([value]) for key, value in (exact | _coarse(spectrum)).items()}

    def _sketched(self, client: Any, images: Tensor, seed: int) -> Values:
        linear, generator = linearized(fixed(client, seed), images), _generator(seed)
        moving = moving_outputs(linear, images, generator)
        spectra = sketched_spectra(linear, moving, self.steps, generator)
        coarse = [_coarse(spectrum) for spectrum in spectra]
        unknown = np.full(len(images), np.nan)
        return {"rank": unknown, "rank_1e-3": unknown} | {
            key: np.array([values[key] for values in coarse]) for key in coarse[0]
        }

    def _together(self, client: Any, inputs: Tensor) -> int:
        """How many images are sketched at once."""
        with torch.no_grad():
            outputs = fixed(client, self.seed)(inputs[:1].float() / 255).numel()
        return max(1, HELD // (self.steps * (inputs[0].numel() + outputs)))


def above(spectrum: NDArray[np.float64], share: float) -> float:
    """How many singular values (falling) exceed `share` of the largest.

    >>> above(np.array([4.0, 1.0, 0.0]), 0.1)
    2.0
    """
    return float((spectrum > share * spectrum[0]).sum())


def _coarse(spectrum: NDArray[np.float64]) -> dict[str, float]:
    largest = spectrum[0]
    some = largest > 0
    return {
        "rank_1e-2": above(spectrum, 1e-2),
        "stable_rank": float(np.square(spectrum / largest).sum()) if some else 0.0,
        "largest": float(largest),
        "log_volume": float(np.log(spectrum[spectrum > 1e-2 * largest]).sum()) if some else 0.0,
    }


def _generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
