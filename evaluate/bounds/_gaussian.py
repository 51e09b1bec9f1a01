"""What bounds on noisy activations share: how much Gaussian noise there is.

Rounding the noisy activation to float16 can only lose information, so bounds hold for what is sent.
"""

import math
from typing import Annotated, Any

import torch
from pydantic import Field
from torch import Tensor

from ...schemas import NoBound
from ...schemas.records import QUERIES
from . import Bound

GREY_LEVELS = 255.0  # per unit of an image in [0, 1]
CHUNK_IMAGES = 256
Sigma = Annotated[float, Field(ge=0)]
# All queries of an image together show what one would under this share of the noise: their mean.
REPEATED_NOISE = 1 / math.sqrt(QUERIES)


class GaussianBound(Bound):
    """A bound on estimators of the input from `client.mean(image)` plus Gaussian noise.

    `sigma` adds hypothetical noise of sigma · rms(activation), over the images that are measured,
    to what the defense releases, as in the experiments of Chaudhuri et al. (2024).
    """

    def __init__(self, *, sigma: float) -> None:
        self.sigma = sigma

    def assumes(self, client: Any) -> tuple[str, ...]:
        """Name the hypothetical noise, if there is any."""
        if not self.sigma:
            return ()
        return (
            f"hypothetical Gaussian noise of standard deviation {self.sigma:g} · rms(activation) "
            "is added to what the defense releases",
        )

    def sent(self, client: Any, images: Tensor, generator: torch.Generator) -> Tensor:
        """What the client sends, with the hypothetical noise."""
        released = super().sent(client, images, generator)
        noise = torch.randn(released.shape, generator=generator)
        return released + self.sigma * rms(client, images) * noise

    def noise_std(self, client: Any, images: Tensor) -> float:
        """Standard deviation of all the Gaussian noise; `NoBound` where there is none."""
        own = client.defense.noise_std
        if own is None:
            raise NoBound(
                f"the randomness of {type(client.defense).__name__} is not Gaussian noise added to "
                "the activation; this bound says nothing about it"
            )
        std = math.hypot(own, self.sigma * rms(client, images))
        if std == 0:
            raise NoBound(
                f"{type(client.defense).__name__} adds no Gaussian noise, without which this bound "
                "says nothing; set sigma=0.5, say, to add hypothetical noise"
            )
        return std


@torch.no_grad()
def rms(client: Any, images: Tensor) -> float:
    """Root mean square of the activations of images (N, 3, S, S) before the noise."""
    squares = [client.mean(part).double().square() for part in images.split(CHUNK_IMAGES)]
    return math.sqrt(torch.cat([part.flatten() for part in squares]).mean().item())
