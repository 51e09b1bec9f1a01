"""What a bound measured on a release: quantities with interval, n, unit and direction."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from .base import Extended, Record, Sha256
from .errors import CorruptData, MissingData
from .floors import ONCE, REPEATED
from .records import PublicSplit
from .scores import Direction, Utility


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
    as_released: bool
    leakboard_version: str

    @property
    def stopped(self) -> bool:
        """Whether the user stopped the run before all samples were done."""
        return self.n < self.asked


class Measurement(Record):
    """A bound's report, and the floor of each image where it has any: quantity, sample, value."""

    report: BoundReport
    floors: dict[str, dict[str, Extended]] = {}


class ReleaseBounds(Record):
    """What the bounds say of a release, and why some say nothing: `leakboard bound all --out`.

    The floors of images of test are the organiser's, as their inputs are.
    """

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    split: PublicSplit
    measured: tuple[Measurement, ...]
    says_nothing: dict[str, str] = {}

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Put together what was measured, bound by bound, of one split of one release."""
        return cls(
            fingerprint=parts[0].fingerprint,
            split=parts[0].split,
            measured=tuple(one for part in parts for one in part.measured),
            says_nothing={name: why for part in parts for name, why in part.says_nothing.items()},
        )

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file of `leakboard bound --out`."""
        try:
            return cls.parse(json.loads(path.read_bytes()), str(path))
        except FileNotFoundError:
            raise MissingData(
                f"{path} is missing; make it with `leakboard bound all RELEASE --out {path}`"
            ) from None
        except ValueError as problem:
            raise CorruptData(f"{path} is not JSON: {problem}; measure the bounds again") from None

    def floors(self, repeated: bool) -> dict[str, dict[str, Extended]]:
        """The floors that hold for what was released, by bound: sample, grey levels.

        Those for an attacker who sees every repeated query of an image, or one of each.
        """
        quantity = REPEATED if repeated else ONCE
        return {
            one.report.bound: one.floors[quantity]
            for one in self.measured
            if quantity in one.floors and one.report.as_released
        }
