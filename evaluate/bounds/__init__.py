"""Bounds: how much a client gives away, measured without an attack.

A new bound is one new file in this folder: `fisher.py` defines the class `Fisher(Bound)`. Its
options are the constructor's keyword-only arguments; `seed` is one of them where it is random.

Legend: N samples; S image side in pixels.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ...schemas import Registry
from ...schemas.bounds import Quantity

REGISTRY = Registry("bound", __name__, "Bound")
Values = Mapping[str, NDArray[np.float64]]  # per quantity, one number per sample: (n,)


class Bound(ABC):
    """What the released activations of some inputs reveal, whoever looks at them.

    quantities  what is measured of each sample: unit, which end leaks more, and one sentence
    """

    quantities: ClassVar[Mapping[str, Quantity]]

    @abstractmethod
    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield the quantities of inputs (N, 3, S, S) uint8, a few samples at a time, in order.

        `client` is the differentiable client of `load_client`: (N, 3, S, S) in [0, 1] to
        activations. What has been yielded is kept when the user stops the run. Raises
        `UsageError` where the bound says nothing about this client's defense.
        """
