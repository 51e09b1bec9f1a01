"""Bounds: how much a client gives away, measured without an attack.

A new bound is one new file in this folder: `fisher.py` defines the class `Fisher(Bound)`. Its
options are the constructor's keyword-only arguments; `seed` is one of them where it is random.

Legend: N samples; S image side in pixels; C H W activation channels, height, width.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...schemas import Registry
from ...schemas.bounds import Quantity
from ...schemas.records import PublicSplit
from ...schemas.registry import options_of

REGISTRY = Registry("bound", __name__, "Bound")
Values = Mapping[str, NDArray[np.float64]]  # per quantity, one number per sample: (n,)


@dataclass(frozen=True)
class Sampled:
    """The samples a bound is measured on: inputs (N, 3, S, S) uint8, task labels (N,) int64.

    `splits` and `subjects` say of each sample where it is from and who is pictured, `sample_ids`
    which record it is.
    """

    splits: Sequence[str]
    inputs: Tensor
    task: Tensor
    subjects: Sequence[str]
    sample_ids: Sequence[str]


def with_options(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Every bound, with those of the options that it has."""
    known = {name: options_of(REGISTRY.find(name)) for name in REGISTRY.names()}
    return {
        name: {option: value for option, value in options.items() if option in of_one}
        for name, of_one in known.items()
    }


class Bound(ABC):
    """What the released activations of some inputs reveal, whoever looks at them.

    `client` is that of `load_client`: `client.mean` maps images (N, 3, S, S) in [0, 1] to their
    activations before any Gaussian noise, with the true derivative; `client.defense.noise_std` is
    the standard deviation of that noise.

    quantities  what is measured of each sample: unit, which end leaks more, and one sentence
    splits      the splits whose images it compares, as many of each; none, the default, to
                measure those of the split that the user names
    sampled     the samples with all that is known of them, set before `measure`
    """

    quantities: ClassVar[Mapping[str, Quantity]]
    splits: ClassVar[tuple[PublicSplit, ...]] = ()
    sampled: Sampled

    @abstractmethod
    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield the quantities of inputs (N, 3, S, S) uint8, a few samples at a time, in order.

        NaN where a quantity is not measured of a sample, which is then left out of its n. What has
        been yielded is kept when the user stops the run. Raises `NoBound` where the bound
        says nothing about this client's defense.
        """

    def ranges(self, measured: Values) -> Mapping[str, tuple[float, float]]:
        """The least and the most that quantities of these samples can be; intervals end there.

        Only a mean of the samples' parts in a number of the whole set needs one.
        """
        return {}

    def assumes(self, client: Any) -> tuple[str, ...]:
        """Say, in sentences, what is assumed beyond the release; by default nothing."""
        return ()

    def sent(self, client: Any, images: Tensor, generator: torch.Generator) -> Tensor:
        """What leaves the device under these assumptions, (N, C, H, W), for images in [0, 1]."""
        activation: Tensor = client(images, generator)
        return activation

    def pictures(self, client: Any, inputs: Tensor) -> Mapping[str, NDArray[np.uint8]]:
        """Draw the bound of a few inputs: per file name, pixels (H, W) or (H, W, 3)."""
        return {}
