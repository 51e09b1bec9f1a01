"""What `leakboard compare --json` prints: two attacks on the same images, metric by metric."""

from typing import Any, Literal

from pydantic import Field

from .base import Record, Sha256
from .records import PublicSplit
from .scores import Direction, Score, Setting, Track

SIGNIFICANCE = 0.05  # of all differences shown together, after Holm's correction
POWER = 0.8


class Compared(Record):
    """One of the two prediction files."""

    attack: str
    options: dict[str, Any]
    setting: Setting
    auxiliary_records: int = Field(ge=0)


class Comparison(Record):
    """Two scores on the same images, and whether the data separate them.

    difference    a minus b, with its 95 % interval
    p             chance of a difference this large if it made no difference, for any subject,
                  which of the two predicted
    p_adjusted    the same after Holm's correction for the number of metrics shown
    detectable    smallest true difference that so many subjects show with a probability of .8;
                  None where the two never differ, and nothing can be told
    """

    a: Score
    b: Score
    difference: float
    low: float
    high: float
    p: float = Field(ge=0, le=1)
    p_adjusted: float = Field(ge=0, le=1)
    tied: bool
    detectable: float | None

    @property
    def leaks_more(self) -> Literal["a", "b"] | None:
        """Which of the two reads more; None where they are tied."""
        if self.tied:
            return None
        higher = self.a.direction is Direction.HIGHER_LEAKS_MORE
        return "a" if (self.difference > 0) == higher else "b"


class ComparisonReport(Record):
    """Two prediction files for one split of one release, n images of so many subjects."""

    release: str
    fingerprint: Sha256
    track: Track
    split: PublicSplit
    a: Compared
    b: Compared
    n: int = Field(ge=1)
    subjects: int = Field(ge=2)
    metrics: dict[str, Comparison]
    leakboard_version: str
