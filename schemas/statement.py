"""The leakage statement: what an attack suite found out about one release."""

from typing import Any, Literal

from pydantic import Field

from .base import Record, Sha256
from .bounds import BoundReport
from .config import Scale
from .floors import BesideFloor
from .manifest import Attribute, ClientFacts, DatasetFacts, DefenseFacts, SplitFacts
from .records import PublicSplit
from .scores import ClientCost, ScoreReport, Track, UtcTime, Utility


class AttackRun(Record):
    """One finished attack of a suite: the seconds it took, and what came of it on each split.

    `budget` is how many auxiliary records it was given; None means all.
    `predictions` are the kept prediction files, relative to the report's folder, and `reports`
    what `leakboard score --json` prints of them.
    """

    attack: str
    options: dict[str, Any]
    budget: int | None = None
    seconds: float = Field(ge=0)
    predictions: dict[PublicSplit, str]
    reports: dict[PublicSplit, ScoreReport]


class SuiteFacts(Record):
    """suite.json: which release a report folder is about, and by which version."""

    fingerprint: Sha256
    leakboard_version: str


class NotRun(Record):
    """An attack of which nothing is known, and why; `seconds` is what was spent on it in vain."""

    attack: str
    options: dict[str, Any]
    budget: int | None = None
    seconds: float = Field(default=0, ge=0)
    reason: str


class TrackStatement(Record):
    """What is known about one track: the strongest attack, the yardsticks, and plain words.

    `selected` is the strongest attack's report on validation, by which it was chosen, `strongest`
    its report on the split of the statement; both are None where no attack finished. `ceilings`
    are the reports of the yardsticks, which read the inputs themselves. `curve` has the reports of
    the strongest attack that learns from pairs, with ever more auxiliary records, all of them last.
    """

    track: Track
    strongest: ScoreReport | None
    selected: ScoreReport | None
    ceilings: tuple[ScoreReport, ...]
    curve: tuple[ScoreReport, ...] = ()
    findings: tuple[str, ...] = Field(min_length=1)


class Statement(Record):
    """report.json of `leakboard attack-suite`, to be attached to a privacy assessment.

    `flags` are reasons to doubt a number, `limits` say what the numbers do not mean, `not_run`
    names every attack without a result: missing is not zero. `bounds` were measured on the split of
    the statement without an attack; `says_nothing` has the reason of each that is not there.
    """

    schema_version: Literal[1] = 1
    made: UtcTime
    release: str
    fingerprint: Sha256
    config_id: str
    seed: int
    scale: Scale
    dataset: DatasetFacts
    task: Attribute
    sensitive: Attribute
    client: ClientFacts
    defense: DefenseFacts
    split: PublicSplit
    images: SplitFacts
    auxiliary: SplitFacts
    utility: Utility
    cost: ClientCost
    tracks: tuple[TrackStatement, ...]
    attacks: tuple[AttackRun, ...]
    not_run: tuple[NotRun, ...]
    bounds: tuple[BoundReport, ...] = ()
    says_nothing: dict[str, str] = {}
    flags: tuple[str, ...]
    limits: tuple[str, ...]
    reproduce: tuple[str, ...]
    release_versions: dict[str, str]
    leakboard_version: str

    @property
    def beside_floors(self) -> tuple[tuple[ScoreReport, BesideFloor], ...]:
        """Every attack that has its errors beside a floor, with each such floor."""
        reports = (run.reports[self.split] for run in self.attacks)
        return tuple((report, one) for report in reports for one in report.floors)
