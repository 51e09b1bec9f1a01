"""The ledger: which attack holds the record against a release, and since when.

Chosen on the images it is reported on, the best of many attacks looks stronger than it is. So the
record holder is chosen on validation and reported on test, where both were scored.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...schemas import LeaderboardRow, Track
from ..text import written

PRIOR = "prior"  # a guess that never looks at the activation: an anchor, not an attack

Identity = tuple[str, str, str, int, int | None]


@dataclass(frozen=True)
class Record:
    """The strongest attack on one release, and the split that chose it."""

    row: LeaderboardRow
    chosen_on: str


def attacks(rows: Iterable[LeaderboardRow], track: Track) -> list[LeaderboardRow]:
    """The entries of a track that are attacks: no guesses, no ceilings."""
    return [
        row
        for row in rows
        if row.report.track is track and not row.report.ceiling and row.report.attack != PRIOR
    ]


def attack_name(row: LeaderboardRow) -> str:
    """The name it was submitted under, or its attack with the options other than the track."""
    if row.submission is not None:
        return row.submission.name
    options = {name: value for name, value in row.report.options.items() if name != "track"}
    return f"{row.report.attack} {written(options)}".strip()


def target(row: LeaderboardRow) -> str:
    """The defense that was attacked, with its options."""
    return f"{row.defense} {written(row.defense_options)}".strip()


def identity(row: LeaderboardRow) -> Identity:
    """What makes two entries, of two splits or two releases, those of the same attack."""
    report = row.report
    name = attack_name(row)
    return name, report.track, report.setting, report.auxiliary_records, report.asked


def record(release: Sequence[LeaderboardRow], validation: Sequence[LeaderboardRow]) -> Record:
    """Name the strongest of attacks on one release; `validation` holds their other entries.

    Of those that were scored on validation too the strongest there contends; one that was not
    contends with the score it has. An attack that was asked about some images only is compared
    with others' scores on all: it takes the record where its whole interval lies above.
    """
    tried = {identity(row): _value(row) for row in validation}
    whole = sorted((row for row in release if row.report.asked is None), key=attack_name)
    known = [row for row in whole if identity(row) in tried]
    chosen = [max(known, key=lambda row: tried[identity(row)])] if known else []
    contenders = [*chosen, *(row for row in whole if identity(row) not in tried)]
    parts = [row for row in release if row.report.asked is not None]
    bar = max(map(_value, contenders), default=-math.inf)
    above = [row for row in parts if row.report.headline.low > bar]
    holder = max(above or contenders, key=lambda row: (_value(row), attack_name(row)))
    return Record(holder, "validation" if holder in chosen else holder.report.split)


def _value(row: LeaderboardRow) -> float:
    return row.report.headline.value
