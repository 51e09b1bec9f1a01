"""Scores, the report of one scored prediction file, and a leaderboard row."""

import hashlib
import json
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from .base import Identifier, Record, Sha256
from .config import Scale
from .floors import BesideFloor
from .records import QUERIES, PublicSplit


class Track(StrEnum):
    """What an attack tries to read from an activation."""

    ATTRIBUTE = "attribute"
    RECONSTRUCTION = "reconstruction"


HEADLINE = {Track.ATTRIBUTE: "top1", Track.RECONSTRUCTION: "ssim"}  # what a track is ranked by


def repeated_name(metric: str) -> str:
    """The name of a metric over the images that were asked about repeatedly.

    >>> repeated_name("top1")
    'top1@16'
    """
    return f"{metric}@{QUERIES}"


class Setting(StrEnum):
    """What the attacker knows."""

    AUXILIARY = "auxiliary"
    WHITEBOX = "whitebox"
    AUXILIARY_WHITEBOX = "auxiliary+whitebox"


class Direction(StrEnum):
    """Which end of a metric's range means more leakage."""

    HIGHER_LEAKS_MORE = "higher leaks more"
    LOWER_LEAKS_MORE = "lower leaks more"


class Score(Record):
    """One number with its 95 % interval, the number of images it is over, and its direction."""

    metric: str
    value: float
    low: float
    high: float
    n: int = Field(ge=1)
    direction: Direction
    metric_version: int = Field(ge=1)

    @model_validator(mode="after")
    def _interval_is_ordered(self) -> Self:
        if not self.low <= self.high:
            raise ValueError(f"interval [{self.low}, {self.high}] is not ordered")
        return self


class JudgeFacts(Record):
    """Which judge looked for people in reconstructions, in how large a gallery.

    `sha256` is that of its file, or of its weights where it is a module of the user's own;
    `chance` is the rank-1 of a blind guess.
    """

    name: str
    sha256: Sha256
    gallery: int = Field(ge=1)
    probes: int = Field(ge=0)
    impostor_pairs: int = Field(ge=0)
    chance: float = Field(gt=0, le=1)


class ScoreReport(Record):
    """What `leakboard score --json` prints: an attack's scores beside the trivial anchors.

    `asked` is how many images the attack was asked about, the first of the split; None means all.
    A `ceiling` read the inputs themselves: a yardstick for attacks, never ranked as one. `missing`
    says of each metric of the track that has no score what was lacking: missing is not zero.
    `rank1` and `tar_at_far` are by the first of `judges`, `rank1@NAME` by the further one NAME.
    A score `METRIC@16` is over the images alone that a randomized defense was asked about 16 times.
    `floors` are the release's bounds beside a reconstruction, where they were measured.
    """

    release: str
    fingerprint: Sha256
    attack: str
    options: dict[str, Any]
    ceiling: bool
    auxiliary_records: int = Field(ge=0)
    track: Track
    setting: Setting
    split: PublicSplit
    asked: int | None = None
    scores: dict[str, Score]
    missing: dict[str, str] = {}
    judges: tuple[JudgeFacts, ...] = ()
    anchors: dict[str, dict[str, Score]]
    floors: tuple[BesideFloor, ...] = ()
    flags: tuple[str, ...]
    leakboard_version: str

    @property
    def headline(self) -> Score:
        """The score by which the track is ranked."""
        return self.scores[HEADLINE[self.track]]

    @property
    def repeated(self) -> Score | None:
        """The same over the images whose repeated queries the attack saw; None if it saw none."""
        return self.scores.get(repeated_name(HEADLINE[self.track]))

    @model_validator(mode="after")
    def _headline_is_there(self) -> Self:
        if HEADLINE[self.track] not in self.scores:
            raise ValueError(f"the {self.track} track is ranked by {HEADLINE[self.track]}")
        return self


class Utility(Record):
    """Task accuracy on a split with its 95 % interval, from the stored float16 activations."""

    value: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    n: int = Field(ge=1)


class ClientCost(Record):
    """What the device pays per image, defense included: multiply-adds, parameters, bytes sent.

    `bytes_sent` are those of the float16 activation, `compressed_bytes_sent` the mean of what
    remains of them when each activation is compressed alone (Zstandard, level 1); None in releases
    that were made before this was measured. Multiply-adds are those of convolutions and products.
    """

    client_macs: int = Field(ge=0)
    client_parameters: int = Field(ge=0)
    task_network_macs: int = Field(ge=0)
    bytes_sent: int = Field(ge=1)
    compressed_bytes_sent: float | None = Field(
        default=None, gt=0, exclude_if=lambda count: count is None
    )

    @property
    def client_flops(self) -> int:
        """Floating-point operations on the device: a multiply-add is two."""
        return 2 * self.client_macs

    @property
    def task_network_flops(self) -> int:
        """Those of the server, to compare with: a defense may cost as much as the whole task."""
        return 2 * self.task_network_macs


class Timing(Record):
    """Seconds that one image takes on one thread of a machine: median and quartiles of n runs."""

    median: float = Field(gt=0)
    lower_quartile: float = Field(gt=0)
    upper_quartile: float = Field(gt=0)
    n: int = Field(ge=1)


class CostReport(Record):
    """What `leakboard cost --json` prints: the cost that a release states, and times here.

    Times depend on the machine, so no release and no board holds them.
    """

    release: str
    defense: str
    cost: ClientCost
    client: Timing
    task_network: Timing
    machine: str


class Measurements(Record):
    """measurements.json: utility per split, client cost, and how the proxy ended training."""

    utility: dict[str, Utility]
    cost: ClientCost
    proxy_leakage: float | None
    majority_task_rate: float = Field(ge=0, le=1)


UtcTime = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


# What makes two reports those of the same attack on the same images.
IDENTITY = {
    "fingerprint",
    "attack",
    "options",
    "auxiliary_records",
    "track",
    "setting",
    "split",
    "asked",
}


class PublishedSubmission(Record):
    """Who submitted an entry, and how it is shown.

    Scores are rounded to `decimals`, None where they are exact; `like` is an earlier submission
    that says nearly the same; `reserve` is what a model reads on the reserve.
    """

    id: Identifier
    name: str
    authors: tuple[str, ...]
    paper: str | None
    licence: str
    decimals: int | None = Field(ge=0)
    like: Identifier | None
    reserve: Score | None = Field(default=None, exclude_if=lambda score: score is None)


class LeaderboardRow(Record):
    """One entry of the board: which release, which attack, what it reads, at what utility.

    `utility` was measured on the split of the report; `verified` says that the organiser ran the
    attack, not only scored its predictions; `sealed` that the images were made from the
    organiser's secret. `submission` is missing where the organiser entered it.
    """

    schema_version: Literal[1] = 1
    submitted: UtcTime
    verified: bool
    dataset: str
    dataset_options: dict[str, Any]
    task: str
    sensitive: str
    image_size: int = Field(ge=1)
    network: str
    split_layer: str
    split_index: int = Field(ge=0)
    defense: str
    defense_options: dict[str, Any]
    config: str
    config_id: str
    seed: int
    scale: Scale
    ranked: bool
    sealed: bool = Field(default=False, exclude_if=lambda sealed: not sealed)
    utility: Utility
    cost: ClientCost
    submission: PublishedSubmission | None = Field(
        default=None, exclude_if=lambda submission: submission is None
    )
    report: ScoreReport

    @property
    def entry_id(self) -> str:
        """Sixteen hexadecimal digits over release, attack, options, budget, setting and images.

        The same attack on the same release replaces its earlier entry; a submission is an entry of
        its own, whatever its file says of the attack.
        """
        identity = self.report.model_dump(mode="json", include=IDENTITY)
        if self.submission is not None:
            identity["submission"] = self.submission.id
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]
