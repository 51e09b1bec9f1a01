"""What a bound measured on a release: quantities with interval, n, unit and direction."""

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from .base import Record, Sha256
from .records import PublicSplit
from .scores import Direction


class Quantity(Record):
    """What one number of a bound is: its unit, which end leaks more, and one sentence."""

    unit: str
    direction: Direction
    meaning: str


class Measured(Record):
    """A quantity over the samples: the median with its 95 % interval, the quartiles, and n.

    `infinite` of the n samples have an infinite value (no unbiased estimator exists); they are
    counted there and take part in no other number.
    """

    quantity: Quantity
    value: float
    low: float
    high: float
    lower_quartile: float
    upper_quartile: float
    infinite: int = Field(ge=0)
    n: int = Field(ge=1)

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Self:
        if not self.low <= self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] is not ordered")
        return self


class BoundReport(Record):
    """What `leakboard bound --json` prints; `asked` samples were asked for, n were measured."""

    schema_version: Literal[1] = 1
    release: str
    fingerprint: Sha256
    bound: str
    options: dict[str, Any]
    split: PublicSplit
    asked: int = Field(ge=1)
    measured: dict[str, Measured]
    leakboard_version: str
