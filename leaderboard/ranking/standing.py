"""Where a configuration of a defense stands, in which group, and with what rank."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...schemas import ClientCost, LeaderboardRow
from ...schemas.floors import BesideFloor
from ..text import written
from .estimates import Estimate
from .images import Runs
from .worst_case import PerImage

SEEDS = 3  # training runs behind a rank that is more than provisional


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
    sealed: bool

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
            sealed=row.sealed,
        )

    @property
    def facts(self) -> str:
        """What all entries of the group share, but its attributes, on one line."""
        shared = [
            self.dataset,
            f"{self.image_size} px",
            f"{self.network} split after {self.split_layer} ({self.split_index})",
            f"{self.split} split",
            f"{self.scale} scale",
            self.dataset_options,
            "sealed images" if self.sealed else "",
        ]
        return " · ".join(fact for fact in shared if fact)


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
    repeated  the same over the images that were asked about repeatedly, of the strongest of the
              attacks that saw all answers; None where the defense answers always alike
    attacks   the attacks that hold the record, the most frequent first
    faced     how many attacks were made on every release of it that was attacked
    known     how many attacks were made on any configuration of the group
    since     when the last of them was submitted
    chosen_on the splits that chose them
    per_image what the strongest attack on each image reads; None for a single attack, or where no
              values per image are kept
    seeds     the seeds whose releases were attacked
    cost      what the device pays per image; compressed bytes are a mean over releases
    anchors   trivial guesses and ceilings on the same images
    floors    the bounds beside the record holder; of the seed where it comes nearest to them
    flags     what the scorer says of the record
    unranked  why there is no rank; None where there is one
    namesake  whether another configuration has the same defense and options
    """

    config: str
    config_id: str
    defense: str
    options: str
    contender: bool
    utility: Estimate
    leakage: Estimate | None
    repeated: Estimate | None
    attacks: tuple[str, ...]
    faced: int
    known: int
    since: str | None
    chosen_on: tuple[str, ...]
    seeds: tuple[int, ...]
    cost: ClientCost
    anchors: Mapping[str, Estimate]
    floors: tuple[BesideFloor, ...]
    flags: tuple[str, ...]
    runs: Runs | None = None
    per_image: PerImage | None = None
    loss: float | None = None
    rank: Rank | None = None
    unranked: str | None = None
    namesake: bool = False

    @property
    def provisional(self) -> bool:
        """Whether too few training runs stand behind the rank."""
        return len(self.seeds) < SEEDS

    @property
    def cited(self) -> set[str]:
        """The defense and the attacks, by the names of their files."""
        return {self.defense, *(attack.split()[0] for attack in self.attacks)}

    @property
    def name(self) -> str:
        """The defense with its options, and what tells it from a namesake."""
        mark = f"({self.config_id[:6]})" if self.namesake else ""
        return " ".join(part for part in (self.defense, self.options, mark) if part)
