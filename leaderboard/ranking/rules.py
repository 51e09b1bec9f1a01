"""Ranking: every defense by the strongest attack against it, among equals in data and utility.

Pure functions over the rows of a board. What is missing stays missing: a defense that nobody has
attacked has no leakage and no rank.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TypeVar

from ...schemas import HEADLINE, ClientCost, LeaderboardRow, Track
from ...schemas.floors import BesideFloor
from ..text import written
from . import health
from .estimates import Estimate, combined
from .health import UNDEFENDED
from .images import Runs, ValuesOf, intervals, less
from .record import attack_name, attacks, record
from .standing import Group, Rank, Standing
from .worst_case import per_image

LOSSES = (0.01, 0.03, 0.05)  # bands of utility loss, as differences of task accuracy
SIGNIFICANCE = 0.05  # chance of telling any two equal defenses of a group apart
EXACT = 1e-9  # losses are differences of decimal fractions

Key = TypeVar("Key", bound=Hashable)
Counts = Callable[[LeaderboardRow], bool]


def groups(rows: Iterable[LeaderboardRow], track: Track) -> dict[Group, list[LeaderboardRow]]:
    """Sort entries into the groups in which something of `track` was scored.

    A group holds the entries of the other track too: they know of further defenses.
    """
    grouped = _by(rows, Group.of)
    return {
        group: grouped[group]
        for group in sorted(grouped)
        if any(row.report.track is track for row in grouped[group])
    }


def nothing_kept(row: LeaderboardRow) -> None:
    """The values per image of a board that keeps none."""


def every(row: LeaderboardRow) -> bool:
    """Whether an attack counts where all do."""
    return True


def standings(
    rows: Sequence[LeaderboardRow],
    track: Track,
    allowed_loss: float = LOSSES[-1],
    validation: Sequence[LeaderboardRow] = (),
    values_of: ValuesOf = nothing_kept,
    counts: Counts = every,
) -> list[Standing]:
    """Rank the configurations of one group: least worst-case leakage first, unranked ones last.

    Only attacks that `counts` admits hold records. They are chosen on `validation`, entries of the
    same attacks. A rank is given among all that lose at most `allowed_loss` of the accuracy of the
    best undefended configuration, and it is the interval of places that the data leave open. Two
    configurations whose values per image are kept are told apart by a paired test, others by
    intervals that do not overlap. The test's level is divided by the number of pairs (Bonferroni):
    by Holm's rule a stronger attack on one defense could change what is said of two others.
    """
    return ranked(measured(rows, track, validation, values_of, counts), track, allowed_loss)


def measured(
    rows: Sequence[LeaderboardRow],
    track: Track,
    validation: Sequence[LeaderboardRow] = (),
    values_of: ValuesOf = nothing_kept,
    counts: Counts = every,
) -> list[Standing]:
    """Estimate utility and worst-case leakage of the configurations of one group, unranked."""
    doubts = health.flags(rows)
    tried = _by(attacks(validation, track), lambda row: row.report.fingerprint)
    known = len({attack_name(row) for row in filter(counts, attacks(rows, track))})
    configurations = list(_by(rows, lambda row: row.config_id).values())
    return _told_apart(
        _resampled(
            [
                _standing(part, track, tried, doubts, values_of, counts, known)
                for part in configurations
            ]
        )
    )


def ranked(standings: Sequence[Standing], track: Track, allowed_loss: float) -> list[Standing]:
    """Rank what was measured among those that lose at most `allowed_loss` of utility."""
    undefended = max(
        (s.utility.value for s in standings if s.contender and s.defense == UNDEFENDED),
        default=None,
    )
    judged = [_judged(standing, undefended, track, allowed_loss) for standing in standings]
    return sorted(_ranked(judged), key=_order)


def _by(
    rows: Iterable[LeaderboardRow], key: Callable[[LeaderboardRow], Key]
) -> dict[Key, list[LeaderboardRow]]:
    parts: dict[Key, list[LeaderboardRow]] = defaultdict(list)
    for row in rows:
        parts[key(row)].append(row)
    return parts


def _standing(
    rows: Sequence[LeaderboardRow],
    track: Track,
    tried: Mapping[str, Sequence[LeaderboardRow]],
    doubts: health.Flags,
    values_of: ValuesOf,
    counts: Counts,
    known: int,
) -> Standing:
    releases = list(_by(rows, lambda row: row.report.fingerprint).values())
    admitted = [list(filter(counts, attacks(release, track))) for release in releases]
    attacked = [found for found in admitted if found]
    records = [record(one, tried.get(one[0].report.fingerprint, ())) for one in attacked]
    holders = [found.row for found in records]
    names = Counter(attack_name(row) for row in holders)
    made = [{attack_name(row) for row in found} for found in attacked]
    first = rows[0]
    return Standing(
        config=first.config,
        config_id=first.config_id,
        defense=first.defense,
        options=written(first.defense_options),
        contender=first.ranked,
        utility=combined([Estimate.of(release[0].utility) for release in releases]),
        leakage=combined([_headline(row) for row in holders]) if holders else None,
        attacks=tuple(sorted(names, key=lambda name: (-names[name], name))),
        faced=len(set.intersection(*made)) if made else 0,
        known=known,
        since=max((row.submitted for row in holders), default=None),
        chosen_on=tuple(sorted({found.chosen_on for found in records})),
        seeds=tuple(sorted({row.seed for row in holders})),
        cost=_cost([release[0].cost for release in releases]),
        anchors=_anchors([row for row in rows if row.report.track is track]),
        floors=_floors(holders),
        flags=tuple(sorted({flag for row in holders for flag in doubts[row.entry_id]})),
        runs=Runs.of(holders, values_of),
        per_image=per_image(attacked, values_of),
    )


def _floors(holders: Sequence[LeaderboardRow]) -> tuple[BesideFloor, ...]:
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


def _anchors(rows: Sequence[LeaderboardRow]) -> dict[str, Estimate]:
    found: dict[str, dict[str, Estimate]] = defaultdict(dict)
    for row in rows:
        report, metric = row.report, HEADLINE[row.report.track]
        for name, scores in report.anchors.items():
            if metric in scores:
                found[name][report.fingerprint] = Estimate.of(scores[metric])
        if report.ceiling:
            found[report.attack][report.fingerprint] = _headline(row)
    return {name: combined(list(releases.values())) for name, releases in found.items()}


def _judged(
    standing: Standing, undefended: float | None, track: Track, allowed_loss: float
) -> Standing:
    loss = None if undefended is None else undefended - standing.utility.value
    compared = replace(standing, loss=loss)
    return replace(compared, unranked=_why_unranked(compared, track, allowed_loss))


def _why_unranked(standing: Standing, track: Track, allowed_loss: float) -> str | None:
    if not standing.contender:
        return "control or diagnostic"
    if standing.leakage is None:
        return f"no {track} attack yet"
    if standing.loss is None:
        return "no undefended release"
    if standing.loss > allowed_loss + EXACT:
        return f"loses {100 * standing.loss:.3g} points, more than {100 * allowed_loss:g}"
    return None


def _ranked(judged: Sequence[Standing]) -> list[Standing]:
    """Give each configuration the places that the others leave open to it."""
    placed = [s for s in judged if s.leakage and not s.unranked]
    pairs = list(combinations(range(len(placed)), 2))
    lower = {
        (i, j)
        for pair in pairs
        for i, j in (pair, pair[::-1])
        if _below(placed[i], placed[j], SIGNIFICANCE / len(pairs))
    }
    ranks = {}
    for place, standing in enumerate(placed):
        best = 1 + sum((other, place) in lower for other in range(len(placed)))
        worst = len(placed) - sum((place, other) in lower for other in range(len(placed)))
        ranks[standing.config_id] = Rank(best, worst)
    return [replace(s, rank=ranks.get(s.config_id)) for s in judged]


def _below(one: Standing, other: Standing, level: float) -> bool:
    """Whether the data say that one leaks less than the other."""
    paired = less(one.runs, other.runs, level) if one.runs and other.runs else None
    if paired is not None:
        return paired
    assert one.leakage is not None
    assert other.leakage is not None
    return one.leakage.below(other.leakage)


def _order(standing: Standing) -> tuple[bool, float, float, str, str]:
    return (
        not standing.contender,
        standing.rank.best if standing.rank else math.inf,
        standing.leakage.value if standing.leakage else math.inf,
        standing.name,
        standing.config_id,
    )
