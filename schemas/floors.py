"""Floors: the error that no unbiased estimator of the input goes below, beside an attack's."""

from typing import Self

from pydantic import Field, model_validator

from .base import Extended, Record

ONCE = "rmse_floor"  # of who sees one query of an image
REPEATED = "repeated_rmse_floor"  # of who sees all queries of an image that was asked repeatedly


class Level(Record):
    """A number with its 95 % interval over subjects; it may be infinite."""

    value: Extended
    low: Extended
    high: Extended

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Self:
        if not self.low <= self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] is not ordered")
        return self


class BesideFloor(Record):
    """An attack's error beside a bound's floor, on the n images that have both.

    `floor` and `error` are medians over images of root mean square errors over the pixels, in grey
    levels. `ratio` is the mean over images of squared error over squared floor: in expectation at
    least 1 for every unbiased estimator, on each image. It is 0 where the floor is infinite. Who
    knows what images look like is biased, and may err less.
    """

    bound: str
    repeated: bool
    floor: Level
    error: Level
    ratio: Level
    n: int = Field(ge=1)

    @property
    def beaten(self) -> bool:
        """Whether the attack errs less than any unbiased estimator could, beyond chance."""
        return self.ratio.high < 1
