"""Ranking: every defense by the strongest attack against it, among equals in data and utility.

Pure functions over the rows of a board. What is missing stays missing: a defense that nobody has
attacked has no leakage and no rank.
"""

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from ..schemas import HEADLINE, LeaderboardRow, Track
from .estimates import Estimate, combined

UNDEFENDED = "none"
PRIOR = "prior"  # a guess that never looks at the activation: an anchor, not an attack
LOSSES = (0.01, 0.03, 0.05)  # bands of utility loss, as differences of task accuracy
SEEDS = 3  # training runs behind a rank that is more than provisional
EXACT = 1e-9  # losses are differences of decimal fractions

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, order=True)
class Group:
    """What two defenses must have in common to be compared."""

    dataset: str
    task: str
    sensitive: str
    image_size: int
    network: str
    split_layer: str
    split_index: int
    scale: str
    split: str
    dataset_options: str

    @classmethod
    def of(cls, row: LeaderboardRow) -> "Group":
        """The group that an entry belongs to."""
        return cls(
            dataset=row.dataset,
            task=row.task,
            sensitive=row.sensitive,
            image_size=row.image_size,
            network=row.network,
            split_layer=row.split_layer,
            split_index=row.split_index,
            scale=row.scale,
            split=row.report.split,
            dataset_options=written(row.dataset_options),
        )


@dataclass(frozen=True)
class Rank:
    """The places that the intervals leave open, both included."""

    best: int
    worst: int

    def __str__(self) -> str:
        """Write the places.

        >>> print(Rank(1, 3), Rank(2, 2))
        1-3 2
        """
        return f"{self.best}" if self.best == self.worst else f"{self.best}-{self.worst}"


@dataclass(frozen=True)
class Standing:
    """Where one configuration of a defense stands, over all its seeds.

    utility   task accuracy, mean over releases
    loss      utility lost against the undefended configuration; None where there is none
    leakage   per release the headline score of the strongest attack, mean over releases; None
              where nobody has attacked it
    attacks   the attacks that hold the record, the most frequent first
    seeds     the seeds whose releases were attacked
    anchors   trivial guesses and ceilings on the same images
    flags     what the scorer says of the record
    unranked  why there is no rank; None where there is one
    """

    config: str
    config_id: str
    defense: str
    options: str
    contender: bool
    utility: Estimate
    leakage: Estimate | None
    attacks: tuple[str, ...]
    seeds: tuple[int, ...]
    anchors: Mapping[str, Estimate]
    flags: tuple[str, ...]
    loss: float | None = None
    rank: Rank | None = None
    unranked: str | None = None

    @property
    def provisional(self) -> bool:
        """Whether too few training runs stand behind the rank."""
        return len(self.seeds) < SEEDS

    @property
    def name(self) -> str:
        """The defense with its options."""
        return f"{self.defense} {self.options}".strip()


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


def standings(
    rows: Sequence[LeaderboardRow], track: Track, allowed_loss: float = LOSSES[-1]
) -> list[Standing]:
    """Rank the configurations of one group: least worst-case leakage first, unranked ones last.

    A rank is given among all that lose at most `allowed_loss` of the accuracy of the best
    undefended configuration, and it is the interval of places that the leakage intervals leave
    open: who overlaps shares places.
    """
    measured = [_standing(part, track) for part in _by(rows, lambda row: row.config_id).values()]
    undefended = max(
        (s.utility.value for s in measured if s.contender and s.defense == UNDEFENDED), default=None
    )
    judged = [_judged(standing, undefended, track, allowed_loss) for standing in measured]
    leakages = [s.leakage for s in judged if s.leakage and not s.unranked]
    return sorted((_ranked(standing, leakages) for standing in judged), key=_order)


def written(options: Mapping[str, Any]) -> str:
    """Write options on one line, sorted.

    >>> written({"rho": 1.0, "mode": "input"})
    'mode=input rho=1.0'
    """
    plain = {k: v if isinstance(v, str) else json.dumps(v) for k, v in sorted(options.items())}
    return " ".join(f"{name}={value}" for name, value in plain.items())


def attack_name(row: LeaderboardRow) -> str:
    """The attack of an entry with its options, other than the track it is shown in."""
    options = {name: value for name, value in row.report.options.items() if name != "track"}
    return f"{row.report.attack} {written(options)}".strip()


def _by(
    rows: Iterable[LeaderboardRow], key: Callable[[LeaderboardRow], Key]
) -> dict[Key, list[LeaderboardRow]]:
    parts: dict[Key, list[LeaderboardRow]] = defaultdict(list)
    for row in rows:
        parts[key(row)].append(row)
    return parts


def _standing(rows: Sequence[LeaderboardRow], track: Track) -> Standing:
    releases = _by(rows, lambda row: row.report.fingerprint).values()
    records = [record for release in releases if (record := _strongest(release, track))]
    holders = Counter(attack_name(record) for record in records)
    first = rows[0]
    return Standing(
        config=first.config,
        config_id=first.config_id,
        defense=first.defense,
        options=written(first.defense_options),
        contender=first.ranked,
        utility=combined([Estimate.of(release[0].utility) for release in releases]),
        leakage=combined([_headline(record) for record in records]) if records else None,
        attacks=tuple(sorted(holders, key=lambda name: (-holders[name], name))),
        seeds=tuple(sorted({record.seed for record in records})),
        anchors=_anchors([row for row in rows if row.report.track is track]),
        flags=tuple(sorted({flag for record in records for flag in record.report.flags})),
    )


def _strongest(release: Sequence[LeaderboardRow], track: Track) -> LeaderboardRow | None:
    attacks = [
        row
        for row in release
        if row.report.track is track and not row.report.ceiling and row.report.attack != PRIOR
    ]
    return max(attacks, key=lambda row: (_headline(row).value, attack_name(row)), default=None)


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


def _ranked(standing: Standing, leakages: Sequence[Estimate]) -> Standing:
    mine = standing.leakage
    if standing.unranked or mine is None:
        return standing
    less = sum(other.below(mine) for other in leakages)
    more = sum(mine.below(other) for other in leakages)
    return replace(standing, rank=Rank(1 + less, len(leakages) - more))


def _order(standing: Standing) -> tuple[bool, float, float, str, str]:
    return (
        not standing.contender,
        standing.rank.best if standing.rank else math.inf,
        standing.leakage.value if standing.leakage else math.inf,
        standing.name,
        standing.config_id,
    )
