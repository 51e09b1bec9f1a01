"""What a bound measured on a release: quantities with interval, n, unit and direction."""

import math
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from .base import Record, Sha256
from .records import PublicSplit
from .scores import Direction, Utility

INFINITE = "infinite"


def _not_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("not a number")
    return value


# JSON has no infinity: a floor is "infinite" there where no unbiased estimator exists.
Extended = Annotated[
    float,
    Field(allow_inf_nan=True),
    BeforeValidator(lambda value: math.inf if value == INFINITE else value),
    AfterValidator(_not_nan),
    PlainSerializer(lambda value: INFINITE if value == math.inf else value, when_used="json"),
]


class Quantity(Record):
    """What one number of a bound is: its unit, which end leaks more, and one sentence.

    `summary` says what is reported of the samples' values: their median, or their mean where the
    number belongs to the set and a value is a sample's part in it.
    """

    unit: str
    direction: Direction
    meaning: str
    summary: Literal["median", "mean"] = "median"


class Measured(Record):
    """A quantity over the samples: median or mean with its 95 % interval, the quartiles, and n.

    `infinite` of the n samples have an infinite value; they count as larger than any other.

    >>> quantity = Quantity(unit="grey levels", direction="lower leaks more", meaning="a floor")
    >>> floor = Measured(quantity=quantity, value=9, low=8, high=float("inf"), lower_quartile=7,
    ...                  upper_quartile=float("inf"), infinite=3, n=8)
    >>> floor.model_dump(mode="json")["high"]
    'infinite'
    """

    quantity: Quantity
    value: Extended
    low: Extended
    high: Extended
    lower_quartile: Extended
    upper_quartile: Extended
    infinite: int = Field(ge=0)
    n: int = Field(ge=1)

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Self:
        if not self.low <= self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] is not ordered")
        return self


class BoundReport(Record):
    """What `leakboard bound --json` prints; `asked` samples were asked for, n were done.

    A quantity may have been measured of fewer than n samples; one of none at all is left out.
    `layer` is the block after which the network was cut: where the release is split, unless told
    otherwise. `assumes` says what was assumed beyond the release. `utility` is the task accuracy
    of the measured samples under the same assumptions.
    """

    schema_version: Literal[1] = 1
    release: str
    fingerprint: Sha256
    bound: str
    options: dict[str, Any]
    splits: tuple[PublicSplit, ...]
    layer: str
    asked: int = Field(ge=1)
    n: int = Field(ge=1)
    assumes: tuple[str, ...]
    utility: Utility
    measured: dict[str, Measured]
    leakboard_version: str
