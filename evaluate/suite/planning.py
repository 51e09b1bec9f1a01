"""Which attacks a suite runs: all of them, and the strongest again with less auxiliary data."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...schemas import Setting, Track
from ...schemas.registry import options_of
from ...schemas.statement import AttackRun, NotRun
from ..attacks import REGISTRY, Attack, Effort

BUDGETS = (100, 1_000, 10_000)  # auxiliary records, where there are more


@dataclass(frozen=True)
class Planned:
    """One attack with its options; `budget` auxiliary records, None: all there are."""

    name: str
    options: Mapping[str, Any]
    budget: int | None = None

    @property
    def label(self) -> str:
        """The attack and its options, for files and for people.

        >>> Planned("prior", {"track": "attribute"}, 100).label
        'prior-track=attribute-auxiliary=100'
        """
        held = [] if self.budget is None else [f"auxiliary={self.budget}"]
        chosen = [f"{key}={value}" for key, value in self.options.items()]
        return "-".join([self.name, *chosen, *held])

    def not_run(self, reason: str, seconds: float = 0) -> NotRun:
        """Say that nothing is known of it, and why."""
        options = dict(self.options)
        return NotRun(
            attack=self.name, options=options, budget=self.budget, seconds=seconds, reason=reason
        )


def plan(options: Mapping[str, Any]) -> list[Planned]:
    """List each attack's variants on each of its tracks.

    The least effort comes first; of equal effort attacks before yardsticks, defaults before
    variants. `options` replace those of every attack that has an option of the name.
    """
    found = [
        (
            (attack.effort, attack.ceiling, len(variant)),
            Planned(name, {**variant, **_known(attack, options)}),
        )
        for name in REGISTRY.names()
        for attack in [REGISTRY.find(name)]
        for variant in _variants(attack)
    ]
    return [one for _, one in sorted(found, key=lambda entry: (entry[0], entry[1].label))]


def _variants(attack: type[Attack]) -> Iterator[dict[str, Any]]:
    for variant in attack.variants:
        if "track" in options_of(attack) and "track" not in variant:
            yield from ({**variant, "track": track.value} for track in Track)
        else:
            yield dict(variant)


def _known(attack: type[Attack], options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name in options_of(attack)}


def by_strength(runs: Sequence[AttackRun], track: Track) -> list[AttackRun]:
    """The attacks of a track that held all auxiliary records, the strongest on validation first.

    Ceilings are no attacks.
    """
    attacks = [
        run
        for run in runs
        for report in [run.reports["validation"]]
        if report.track is track and not report.ceiling and run.budget is None
    ]
    return sorted(attacks, key=lambda run: -run.reports["validation"].headline.value)


def learner(runs: Sequence[AttackRun], track: Track) -> AttackRun | None:
    """The strongest attack of a track that learns from pairs and was asked about every image."""
    for run in by_strength(runs, track):
        report, attack = run.reports["validation"], REGISTRY.find(run.attack)
        learns = report.setting is not Setting.WHITEBOX and attack.effort is not Effort.GUESS
        if learns and report.asked is None:
            return run
    return None


def with_less(strongest: AttackRun, auxiliary: int) -> list[Planned]:
    """Plan the same attack with fewer than the `auxiliary` records that there are.

    A network that is trained sees as many examples as it did with all of them: the fewer records,
    the more epochs.
    """
    known = options_of(REGISTRY.find(strongest.attack))
    planned = []
    for budget in (budget for budget in BUDGETS if budget < auxiliary):
        options = dict(strongest.options)
        if "epochs" in known:
            epochs = options.get("epochs", known["epochs"].default)
            options["epochs"] = round(epochs * auxiliary / budget)
        planned.append(Planned(strongest.attack, options, budget))
    return planned


def learning_curve(runs: Sequence[AttackRun], track: Track) -> list[AttackRun]:
    """The strongest learner of a track with ever more auxiliary records, all of them last."""
    strongest = learner(runs, track)
    if strongest is None:
        return []
    less = [run for run in runs if run.budget is not None and _same(run, strongest)]
    return [*sorted(less, key=lambda run: run.budget or 0), strongest]


def _same(run: AttackRun, other: AttackRun) -> bool:
    """Whether two runs are of one attack, however long it was trained."""
    ours, theirs = ({**one.options, "epochs": None} for one in (run, other))
    return run.attack == other.attack and ours == theirs
