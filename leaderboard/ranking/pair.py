"""Two entries on the same images: what separates them, image by image."""

from dataclasses import dataclass

import numpy as np

from ...schemas import LeaderboardRow
from ...schemas.resampling import Difference, Values, paired_difference
from .estimates import Estimate
from .images import Runs, ValuesOf
from .rules import SIGNIFICANCE

NOT_KEPT = "no values per image are kept beside the board for"


@dataclass(frozen=True, eq=False)
class Pair:
    """The paired difference of two entries, one minus the other, and that of each image (N,)."""

    difference: Difference
    gaps: Values

    @property
    def tied(self) -> bool:
        """Whether the data do not separate the two."""
        return self.difference.p > SIGNIFICANCE

    @property
    def counts(self) -> dict[str, int]:
        """On how many images which of the two reads more."""
        return {
            "the first reads more": int((self.gaps > 0).sum()),
            "both read the same": int((self.gaps == 0).sum()),
            "the second reads more": int((self.gaps < 0).sum()),
        }


def pair(one: LeaderboardRow, other: LeaderboardRow, values_of: ValuesOf) -> Pair | str:
    """Pair two entries of one track, or say why they cannot be."""
    runs = [Runs.of([row], values_of) for row in (one, other)]
    lacking = [row.entry_id for row, run in zip((one, other), runs, strict=True) if run is None]
    if lacking:
        return f"{NOT_KEPT} {' and '.join(dict.fromkeys(lacking))}"
    first, second = (run for run in runs if run is not None)
    if first.image != second.image:
        return "the two were not scored on the same images"
    difference = paired_difference(first.value, second.value, first.subject)
    return Pair(difference, first.value[0] - second.value[0])


def verdict(one: LeaderboardRow, other: LeaderboardRow, found: Pair | str) -> str:
    """Say in words what separates two entries; without values per image, by their intervals."""
    if isinstance(found, str):
        apart = _apart(Estimate.of(one.report.headline), Estimate.of(other.report.headline))
        return f"Not paired: {found}. Their intervals {'do not ' if apart else ''}overlap."
    gap = found.difference
    said = (
        "The data do not separate the two"
        if found.tied
        else f"The {'first' if gap.value > 0 else 'second'} reads more"
    )
    return (
        f"{said}: first minus second {gap.value:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}], "
        f"p = {gap.p:.3g}, paired on the same {len(found.gaps):,} images, over subjects."
    )


def _apart(one: Estimate, other: Estimate) -> bool:
    return one.below(other) or other.below(one)


def histogram(gaps: Values, bins: int = 31) -> list[tuple[float, float, int]]:
    """Count the images by their difference: lower end, upper end and number of each bin.

    Zero is the middle of a bin.
    """
    reach = float(np.abs(gaps).max()) or 1.0
    counts, ends = np.histogram(gaps, bins=bins, range=(-reach, reach))
    return [
        (float(low), float(high), int(count))
        for low, high, count in zip(ends[:-1], ends[1:], counts, strict=True)
    ]
