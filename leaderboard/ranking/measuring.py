"""Measure: utility and worst-case leakage of each configuration of a group, before any ranking.

What is missing stays missing: a defense that nobody has attacked has no leakage.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from ...schemas import HEADLINE, ClientCost, LeaderboardRow, Track
from ...schemas.floors import BesideFloor
from ..text import written
from . import health
from .estimates import Estimate, combined
from .images import Runs, ValuesOf, intervals
from .record import Record, attack_name, attacks, record
from .standing import Standing
from .worst_case import per_image

Key = TypeVar("Key", bound=Hashable)
Entries = Sequence[LeaderboardRow]
Counts = Callable[[LeaderboardRow], bool]


def nothing_kept(row: LeaderboardRow) -> None:
    """The values per image of a board that keeps none."""


def every(row: LeaderboardRow) -> bool:
    """Whether an attack counts where all do."""
    return True


def measured(
    rows: Entries,
    track: Track,
    validation: Entries = (),
    values_of: ValuesOf = nothing_kept,
    counts: Counts = every,
) -> list[Standing]:
    """Estimate utility and worst-case leakage of the configurations of one group, unranked."""
    admitted = list(filter(counts, attacks(rows, track)))
    tried = by(attacks(validation, track), lambda row: row.report.fingerprint)
    known = len({attack_name(row) for row in admitted})
    group = _Group(track, counts, values_of, tried, health.flags(rows, validation), known)
    configurations = by(rows, lambda row: row.config_id).values()
    return _told_apart(_resampled([_standing(part, group) for part in configurations]))


def by(
    rows: Iterable[LeaderboardRow], key: Callable[[LeaderboardRow], Key]
) -> dict[Key, list[LeaderboardRow]]:
    """Sort entries by what they have in common."""
    parts: dict[Key, list[LeaderboardRow]] = defaultdict(list)
    for row in rows:
        parts[key(row)].append(row)
    return parts


@dataclass(frozen=True)
class _Group:
    """What is the same for all configurations of a group.

    tried   the entries on validation, by the release that was attacked
    doubts  what is said of each entry
    known   how many attacks were made on any of them
    """

    track: Track
    counts: Counts
    values_of: ValuesOf
    tried: Mapping[str, Entries]
    doubts: health.Flags
    known: int

    def attacks_on(self, release: Entries) -> Entries:
        """Those of the track that count."""
        return list(filter(self.counts, attacks(release, self.track)))

    def record_of(self, attacked: Entries) -> Record:
        """The strongest of the attacks on one release."""
        return record(attacked, self.tried.get(attacked[0].report.fingerprint, ()))

    def anchors_of(self, rows: Entries) -> Mapping[str, Estimate]:
        """Guesses and ceilings."""
        return _anchors([row for row in rows if row.report.track is self.track])


def _standing(rows: Entries, group: _Group) -> Standing:
    """What is known of one configuration from the entries of all its releases."""
    releases = list(by(rows, lambda row: row.report.fingerprint).values())
    attacked = [made for made in map(group.attacks_on, releases) if made]
    records = list(map(group.record_of, attacked))
    holders = [found.row for found in records]
    first = rows[0]
    return Standing(
        config=first.config,
        config_id=first.config_id,
        defense=first.defense,
        options=written(first.defense_options),
        contender=first.ranked,
        utility=combined([Estimate.of(release[0].utility) for release in releases]),
        leakage=combined([_headline(row) for row in holders]) if holders else None,
        repeated=_repeated(attacked, group),
        attacks=_most_frequent_first(holders),
        faced=_faced(attacked),
        known=group.known,
        since=max((row.submitted for row in holders), default=None),
        chosen_on=tuple(sorted({found.chosen_on for found in records})),
        seeds=tuple(sorted({row.seed for row in holders})),
        cost=_cost([release[0].cost for release in releases]),
        anchors=group.anchors_of(rows),
        floors=_floors(holders),
        flags=tuple(sorted({flag for row in holders for flag in group.doubts[row.entry_id]})),
        runs=Runs.of(holders, group.values_of),
        per_image=per_image(attacked, group.values_of),
    )


def _repeated(attacked: Sequence[Entries], group: _Group) -> Estimate | None:
    """What is read of images asked about repeatedly by the strongest of those that saw it all."""
    averaging = [[row for row in made if row.report.repeated] for made in attacked]
    found = [group.record_of(made).row.report.repeated for made in averaging if made]
    known = [Estimate.of(score) for score in found if score]
    return combined(known) if known else None


def _most_frequent_first(holders: Entries) -> tuple[str, ...]:
    names = Counter(attack_name(row) for row in holders)
    return tuple(sorted(names, key=lambda name: (-names[name], name)))


def _faced(attacked: Sequence[Entries]) -> int:
    """How many attacks were made on every release that was attacked."""
    made = [{attack_name(row) for row in release} for release in attacked]
    return len(set.intersection(*made)) if made else 0


def _floors(holders: Entries) -> tuple[BesideFloor, ...]:
    """The floors of the one that comes nearest to a floor, or goes furthest below."""
    known = [row.report.floors for row in holders if row.report.floors]
    return min(known, key=lambda floors: min(one.ratio.value for one in floors), default=())


def _cost(costs: Sequence[ClientCost]) -> ClientCost:
    """The cost of one configuration: its networks are of one kind, its activations are not."""
    sizes = [one.compressed_bytes_sent for one in costs if one.compressed_bytes_sent is not None]
    mean = sum(sizes) / len(sizes) if sizes else None
    return costs[0].model_copy(update={"compressed_bytes_sent": mean})


def _resampled(measured: Sequence[Standing]) -> list[Standing]:
    """Give those whose values per image are kept the interval over runs and images."""
    kept = [s.runs for s in measured if s.runs]
    found = iter(intervals(kept))
    return [
        replace(s, leakage=Estimate.within(next(found), len(s.runs.image))) if s.runs else s
        for s in measured
    ]


def _told_apart(measured: Sequence[Standing]) -> list[Standing]:
    names = Counter(s.name for s in measured)
    return [replace(s, namesake=names[s.name] > 1) for s in measured]


def _headline(row: LeaderboardRow) -> Estimate:
    return Estimate.of(row.report.headline)


def _anchors(rows: Entries) -> dict[str, Estimate]:
    found: dict[str, dict[str, Estimate]] = defaultdict(dict)
    for row in rows:
        report, metric = row.report, HEADLINE[row.report.track]
        for name, scores in report.anchors.items():
            if metric in scores:
                found[name][report.fingerprint] = Estimate.of(scores[metric])
        if report.ceiling:
            found[report.attack][report.fingerprint] = _headline(row)
    return {name: combined(list(releases.values())) for name, releases in found.items()}
