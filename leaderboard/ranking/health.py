"""Health flags that need other entries of the board: an attack too weak to say anything.

Those that a prediction file and its release give away are in `evaluate.health`, and are kept in
the entry itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from ...schemas import LeaderboardRow, ScoreReport
from .overfitting import gap
from .record import Identity, attacks, identity

UNDEFENDED = "none"
SHARE = 0.75  # of what the same budget reads from the raw images

Flags = Mapping[str, tuple[str, ...]]


def flags(rows: Sequence[LeaderboardRow], validation: Sequence[LeaderboardRow] = ()) -> Flags:
    """All flags of the entries of one group, by their ids: their own, and those found here.

    An attack is too weak where, on the undefended network, it reads less than 0.75 of what a
    classifier with the same auxiliary records reads from the raw images. Its scores against
    defenses then say nothing either. It is fitted to validation where `validation` holds its entry
    there and the whole interval of the difference lies above zero; likewise to test, where it is a
    model that was run on the reserve.
    """
    weak = _too_weak(rows)
    chosen = {(identity(row), row.report.fingerprint): row for row in validation}

    def found(row: LeaderboardRow) -> Iterator[str]:
        if identity(row) in weak:
            yield weak[identity(row)]
        on_validation = chosen.get((identity(row), row.report.fingerprint))
        if on_validation is not None and row.report.split == "test":
            yield from _fitted(on_validation.report, row.report)
        reserve = row.submission.reserve if row.submission else None
        if reserve is not None and (fresh := gap(row.report.headline, reserve)).low > 0:
            yield f"fitted to test: it reads {fresh} more there than on the reserve"
        if row.submission is not None and row.submission.like is not None:
            yield f"says nearly the same as submission {row.submission.like}"

    return {row.entry_id: (*row.report.flags, *found(row)) for row in rows}


def _fitted(validation: ScoreReport, test: ScoreReport) -> Iterator[str]:
    """Of answers that were averaged: on the images asked about repeatedly.

    Their share differs between the splits, and so the scores over all images do.
    """
    chosen, fresh = validation.headline, test.headline
    if test.repeated:
        if not validation.repeated:
            return
        chosen, fresh = validation.repeated, test.repeated
    difference = gap(chosen, fresh)
    if difference.low > 0:
        yield f"fitted to validation: it reads {difference} more there"


def _too_weak(rows: Iterable[LeaderboardRow]) -> dict[Identity, str]:
    undefended = [row for row in rows if row.defense == UNDEFENDED and row.ranked]
    ceilings: dict[tuple[str, str, int], float] = defaultdict(float)
    for row in undefended:
        if row.report.ceiling:
            ceilings[_budget(row)] = max(ceilings[_budget(row)], row.report.headline.value)
    weak: dict[Identity, str] = {}
    for row in undefended:
        ceiling, value = ceilings.get(_budget(row)), row.report.headline.value
        if attacks([row], row.report.track) and ceiling and value < SHARE * ceiling:
            weak[identity(row)] = (
                f"attack too weak: undefended it reads {value:.3f}, less than {SHARE} of "
                f"the {ceiling:.3f} that the raw images give to the same budget"
            )
    return weak


def _budget(row: LeaderboardRow) -> tuple[str, str, int]:
    report = row.report
    return report.fingerprint, report.track, report.auxiliary_records
