"""The form in which traits of faces are kept: arrays that broadcast over pixels."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

Numbers = NDArray[np.floating[Any]]  # float32; a wider type because Python floats join in


@dataclass(frozen=True)
class Traits:
    """Traits of N things: numbers (N, 1, 1), colours (N, 3, 1, 1) in [0, 1], or more traits.

    Lengths are in head coordinates: an image is 2 x 2, a head about 1.1 wide and 1.6 high.
    """

    def at(self, rows: Sequence[int] | NDArray[np.int64]) -> Self:
        """Keep the things at `rows`, which may repeat."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return type(self)(**{name: _at(value, rows) for name, value in values.items()})


def _at(value: Any, rows: Sequence[int] | NDArray[np.int64]) -> Any:
    return value.at(rows) if isinstance(value, Traits) else value[rows]


def number(values: ArrayLike) -> Numbers:
    """Shape (N,) numbers as a trait."""
    return np.asarray(values, np.float32)[:, None, None]


def colour(values: ArrayLike) -> Numbers:
    """Shape (N, 3) sRGB colours as a trait, cut to [0, 1]."""
    return np.clip(np.asarray(values, np.float32), 0, 1)[:, :, None, None]


def blend(
    first: NDArray[np.float64], second: NDArray[np.float64], share: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mix (N, 3) colours: `share` (N,) of the second."""
    return np.asarray(first + share[:, None] * (second - first))
