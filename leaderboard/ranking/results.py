"""One attack on one configuration over all its training runs; and how its worst case came about."""

import shlex
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...schemas import LeaderboardRow, Track
from ..text import written
from .estimates import Estimate, combined
from .measuring import Counts, every
from .record import Identity, attack_name, attacks, identity, record, target


@dataclass(frozen=True)
class Result:
    """The entries of one attack on the releases of one configuration."""

    rows: Sequence[LeaderboardRow]

    @property
    def first(self) -> LeaderboardRow:
        """One of the entries, for what all have in common."""
        return self.rows[0]

    @property
    def attack(self) -> str:
        """The attack with its options."""
        return attack_name(self.first)

    @property
    def target(self) -> str:
        """The defense with its options."""
        return target(self.first)

    @property
    def seeds(self) -> list[int]:
        """The training runs that were attacked."""
        return sorted({row.seed for row in self.rows})

    @property
    def headline(self) -> Estimate:
        """What the track is ranked by, mean over the runs."""
        return combined([Estimate.of(row.report.headline) for row in self.rows])

    def score(self, metric: str) -> Estimate | None:
        """A metric's mean over the runs in which it was scored."""
        scores = [row.report.scores[metric] for row in self.rows if metric in row.report.scores]
        return combined([Estimate.of(score) for score in scores]) if scores else None


def cited(rows: Iterable[LeaderboardRow]) -> set[str]:
    """The defenses and attacks of entries, by the names of their files."""
    return {name for row in rows for name in (row.defense, row.report.attack)}


def results(rows: Iterable[LeaderboardRow]) -> list[Result]:
    """Sort entries by configuration and attack, the strongest first."""
    found: dict[tuple[str, Identity], list[LeaderboardRow]] = defaultdict(list)
    for row in rows:
        found[row.config_id, identity(row)].append(row)
    return sorted(map(Result, found.values()), key=lambda result: -result.headline.value)


@dataclass(frozen=True)
class Step:
    """The worst case of a configuration from a time on, and the attacks that hold its records."""

    since: str
    leakage: Estimate
    attacks: tuple[str, ...]


def history(
    rows: Sequence[LeaderboardRow],
    track: Track,
    validation: Sequence[LeaderboardRow] = (),
    counts: Counts = every,
) -> list[Step]:
    """How the worst case of one configuration rose, oldest first, from the times of its entries.

    The records at a time are those that the entries up to it give. An entry that was made again
    keeps its last time alone.
    """
    steps: list[Step] = []
    admitted = [row for row in attacks(rows, track) if counts(row)]
    for since in sorted({row.submitted for row in admitted}):
        step = _step(since, admitted, validation)
        if not steps or (step.leakage, step.attacks) != (steps[-1].leakage, steps[-1].attacks):
            steps.append(step)
    return steps


def _step(since: str, rows: Sequence[LeaderboardRow], validation: Sequence[LeaderboardRow]) -> Step:
    releases: dict[str, list[LeaderboardRow]] = defaultdict(list)
    for row in rows:
        if row.submitted <= since:
            releases[row.report.fingerprint].append(row)
    holders = [
        record(part, [row for row in validation if row.report.fingerprint == release]).row
        for release, part in releases.items()
    ]
    leakage = combined([Estimate.of(row.report.headline) for row in holders])
    return Step(since, leakage, tuple(sorted({attack_name(row) for row in holders})))


def commands(row: LeaderboardRow, largest_budget: int) -> list[str]:
    """The commands that run an entry's attack on its release and score it.

    `largest_budget` is how many auxiliary records an attack can have there: with as many none is
    asked for.
    """
    report = row.report
    file = f"{report.attack.rpartition(':')[2]}.parquet"
    parts = ["leakboard", "attack", report.attack, report.release, "--out", file]
    parts += ["--split", report.split] if report.split == "test" else []
    given = {name: value for name, value in report.options.items() if value is not None}
    parts += [p for name, value in given.items() for p in ("--set", written({name: value}))]
    if 0 < report.auxiliary_records < largest_budget:
        parts += ["--auxiliary", str(report.auxiliary_records)]
    parts += [] if report.asked is None else ["--images", str(report.asked)]
    return [shlex.join(parts), shlex.join(["leakboard", "score", report.release, file])]
