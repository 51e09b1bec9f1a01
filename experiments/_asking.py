"""What asking a random defense again gives away, beside a defense that answers always alike.

Most test images are asked about once and some repeatedly, by a share that differs between datasets.
So the two kinds are told apart, and every row is measured on the same images of either kind.

Legend: K seeds of a row, N test images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..schemas import Track
from ..schemas.resampling import Scatter, paired_difference, pooled
from ._estimates import Run, Values, number, subjects_of, track_of, values_of
from ._images import REPEATED
from ._methods import AS_PRINTED, DISCO, NONE
from ._rows import AskedAgain, Asking, Number, Row

REFERENCE = DISCO[0].method
ALIKE = (NONE.method, REFERENCE, AS_PRINTED.method)  # what random defenses are shown beside


def asking(rows: Sequence[Row], runs: Sequence[Sequence[Run]], measure: str) -> Asking | None:
    """Tell once from often; None where no random defense was run, or no attribute is measured.

    Of a row that answers always alike, both are what its strongest attack reads.
    """
    random = [done for done in runs if done and _averaged(done)]
    if not random or track_of(measure) is not Track.ATTRIBUTE:
        return None
    shown = {
        row.method: done
        for row, done in zip(rows, runs, strict=True)
        if done and (_averaged(done) or row.method in ALIKE)
    }
    one = random[0][0]
    often = ~np.isnan(one.values.column(REPEATED).to_numpy())
    subjects = np.asarray(subjects_of(one))
    once = {name: values_of(done, measure) for name, done in shown.items()}
    all_answers = {
        name: values_of(done, REPEATED if _averaged(done) else measure)
        for name, done in shown.items()
    }
    sides = [
        _Side.of({name: values[:, kept] for name, values in read.items()}, subjects[kept].tolist())
        for read, kept in ((once, ~often), (all_answers, often))
    ]
    return Asking(
        reference=REFERENCE,
        n_once=int((~often).sum()),
        n_often=int(often.sum()),
        rows=tuple(_row(name, *sides) for name in shown),
    )


def _averaged(runs: Sequence[Run]) -> bool:
    return REPEATED in runs[0].values.column_names


@dataclass(frozen=True)
class _Side:
    """What was read, (K, N) for each row, of images that were asked about equally often."""

    read: Mapping[str, Values]
    subjects: Sequence[str]
    scatter: Scatter | None

    @classmethod
    def of(cls, read: Mapping[str, Values], subjects: Sequence[str]) -> "_Side":
        """Pool over the rows how much runs differ on these images."""
        return cls(read, subjects, pooled(values.mean(axis=1) for values in read.values()))

    def number(self, name: str) -> Number:
        """What was read behind one defense."""
        return number(self.read[name], self.subjects, self.scatter)

    def minus_reference(self, name: str) -> Number | None:
        """By how much that is more than behind the reference, on the same images."""
        if name == REFERENCE or REFERENCE not in self.read:
            return None
        both = self.read[name], self.read[REFERENCE]
        found = paired_difference(*both, self.subjects, self.scatter)
        return Number(value=found.value, low=found.low, high=found.high)


def _row(name: str, once: _Side, often: _Side) -> AskedAgain:
    return AskedAgain(
        method=name,
        once=once.number(name),
        often=often.number(name),
        minus_once=once.minus_reference(name),
        minus_often=often.minus_reference(name),
    )
