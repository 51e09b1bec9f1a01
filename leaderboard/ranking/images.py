"""What the board makes of values per image: intervals over runs, pairs, the worst case per image.

Legend: N images, K training runs of one configuration, A attacks.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...schemas import ImageValues, LeaderboardRow
from ...schemas.resampling import (
    Interval,
    Values,
    mean_replicates,
    numbered,
    over_runs,
    paired_difference,
)

ValuesOf = Callable[[LeaderboardRow], ImageValues | None]


@dataclass(frozen=True, eq=False)
class Runs:
    """What each image contributed in K runs (K, N), and whose image it is (N,)."""

    image: Sequence[str]
    subject: NDArray[np.intp]
    value: Values

    @classmethod
    def of(cls, rows: Sequence[LeaderboardRow], values_of: ValuesOf) -> "Runs | None":
        """Line up the runs; None where values are not kept, or are of other images."""
        found = [values for row in rows if (values := values_of(row)) is not None]
        if not rows or len(found) < len(rows):
            return None
        first = found[0]
        if any(other.image != first.image for other in found):
            return None
        return cls(first.image, _by_appearance(first), np.stack([one.value for one in found]))

    @cached_property
    def groups(self) -> int:
        """How many subjects there are."""
        return int(self.subject.max()) + 1


def _by_appearance(values: ImageValues) -> NDArray[np.intp]:
    """Number the subjects in the order of the images, which all releases have in common.

    The codes are each release's own: by them the draws would depend on which entry comes first.
    """
    numbers = numbered(values.subject)
    appearance = np.unique(numbers, return_index=True)[1].argsort().argsort()
    return appearance[numbers]


def intervals(configurations: Sequence[Runs]) -> list[Interval]:
    """Intervals of the means; configurations that share their images share the draws."""
    found: list[Interval | None] = [None] * len(configurations)
    for place, one in enumerate(configurations):
        if found[place] is not None:
            continue
        alike = [p for p, other in enumerate(configurations) if other.image == one.image]
        series = np.concatenate([configurations[p].value for p in alike])
        drawn = mean_replicates(series, one.subject)
        ends = np.cumsum([len(configurations[p].value) for p in alike])[:-1]
        for p, replicates in zip(alike, np.split(drawn, ends, axis=1), strict=True):
            means = configurations[p].value.mean(axis=1)
            found[p] = over_runs(means, replicates, one.groups)
    return [interval for interval in found if interval is not None]


def less(one: Runs, other: Runs, level: float) -> bool | None:
    """Whether one leaks less than the other, by the paired test; None where images differ."""
    if one.image != other.image:
        return None
    difference = paired_difference(one.value, other.value, one.subject)
    return difference.p <= level and difference.value < 0
