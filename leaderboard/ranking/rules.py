"""Ranking: every defense by the strongest attack against it, among equals in data and utility.

Pure functions over the rows of a board. What is missing stays missing: a defense that nobody has
attacked has no leakage and no rank.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

from ...schemas import LeaderboardRow, Track
from .health import UNDEFENDED
from .images import ValuesOf, less
from .measuring import Counts, by, every, measured, nothing_kept
from .standing import Group, Rank, Standing

LOSSES = (0.01, 0.03, 0.05)  # bands of utility loss, as differences of task accuracy
SIGNIFICANCE = 0.05  # chance of telling any two equal defenses of a group apart
EXACT = 1e-9  # losses are differences of decimal fractions


def groups(rows: Iterable[LeaderboardRow], track: Track) -> dict[Group, list[LeaderboardRow]]:
    """Sort entries into the groups in which something of `track` was scored.

    A group holds the entries of the other track too: they know of further defenses.
    """
    grouped = by(rows, Group.of)
    return {
        group: grouped[group]
        for group in sorted(grouped)
        if any(row.report.track is track for row in grouped[group])
    }


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


def ranked(standings: Sequence[Standing], track: Track, allowed_loss: float) -> list[Standing]:
    """Rank what was measured among those that lose at most `allowed_loss` of utility."""
    undefended = max(
        (s.utility.value for s in standings if s.contender and s.defense == UNDEFENDED),
        default=None,
    )
    judged = [_judged(standing, undefended, track, allowed_loss) for standing in standings]
    return sorted(_ranked(judged), key=_order)


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
