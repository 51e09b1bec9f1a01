"""An attack's error beside the release's floors: what an unbiased attacker could not do.

Legend: N images.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ...schemas.bounds import ReleaseBounds
from ...schemas.floors import BesideFloor, Level
from ...schemas.resampling import Interval
from ..measure import mean, median
from ..metrics import Values


def beside_floors(
    bounds: ReleaseBounds,
    repeated: bool,
    sample_ids: Sequence[str],
    errors: Values,
    subjects: Sequence[str],
) -> tuple[BesideFloor, ...]:
    """Compare the errors of N images, in grey levels, with the floors that some of them have.

    A floor of zero says nothing of its image. Bounds that have a floor for none of the images, or
    for those of a single subject, are left out.
    """
    found = []
    for bound, floors in bounds.floors(repeated).items():
        rows = [row for row, name in enumerate(sample_ids) if floors.get(name, 0) > 0]
        names = [subjects[row] for row in rows]
        if len(set(names)) > 1:
            floor = np.array([floors[sample_ids[row]] for row in rows])
            levels = _levels(errors[rows], floor, names)
            found.append(BesideFloor(bound=bound, repeated=repeated, n=len(rows), **levels))
    return tuple(found)


def _levels(errors: Values, floor: Values, subjects: Sequence[str]) -> Mapping[str, Level]:
    return {
        "floor": _level(median(floor, subjects)),
        "error": _level(median(errors, subjects)),
        "ratio": _level(mean(np.square(errors / floor), subjects)),
    }


def _level(found: Interval) -> Level:
    return Level(value=found.value, low=found.low, high=found.high)
