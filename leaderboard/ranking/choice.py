"""What a reader chooses to see of a board, and the rankings of just that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ...schemas import PUBLIC_SPLITS, LeaderboardRow, Setting, Track
from .images import ValuesOf
from .measuring import measured, nothing_kept
from .record import attacks
from .rules import LOSSES, groups, ranked
from .standing import Group, Standing

Checked = Literal["verified", "declared"]
Images = Literal["open", "sealed"]


@dataclass(frozen=True)
class Choice:
    """Which entries are shown, and which attacks count; None is any.

    allowed_loss  utility that a ranked defense may lose, as a difference of accuracy
    setting       what the attacker knows
    checked       verified: the organiser ran the attack; declared: its predictions were scored
    budget        auxiliary records that the attacker holds at most
    images        sealed: made from the organiser's secret; open: anybody may have them
    """

    track: Track
    dataset: str
    split: str
    allowed_loss: float = LOSSES[-1]
    split_layer: str | None = None
    setting: Setting | None = None
    checked: Checked | None = None
    budget: int | None = None
    images: Images | None = None

    def shows(self, row: LeaderboardRow) -> bool:
        """Whether an entry, and so its whole group, is of the chosen images and split layer."""
        layer, images = self.split_layer, self.images
        return (
            (row.dataset, row.report.split) == (self.dataset, self.split)
            and (layer is None or row.split_layer == layer)
            and (images is None or images_of(row) == images)
        )

    def of_dataset(self, row: LeaderboardRow) -> bool:
        """Whether an entry is of the chosen dataset, whatever its split."""
        return row.dataset == self.dataset

    def counts(self, row: LeaderboardRow) -> bool:
        """Whether an attack may hold a record: its setting, check and budget are the chosen."""
        report = row.report
        return (
            (self.setting is None or report.setting is self.setting)
            and (self.checked is None or row.verified == (self.checked == "verified"))
            and (self.budget is None or report.auxiliary_records <= self.budget)
        )

    @property
    def restrictions(self) -> list[str]:
        """What keeps attacks from counting, in words."""
        found = [] if self.setting is None else [f"who know {self.setting}"]
        found += [] if self.checked is None else [f"that are {self.checked}"]
        budget = self.budget
        return found + ([] if budget is None else [f"with at most {budget:,} auxiliary records"])


def images_of(row: LeaderboardRow) -> Images:
    """Whether the images of an entry are open or sealed."""
    return "sealed" if row.sealed else "open"


@dataclass(frozen=True)
class Ranking:
    """The entries of one group, and where its defenses stand."""

    group: Group
    rows: Sequence[LeaderboardRow]
    standings: Sequence[Standing]

    @property
    def contenders(self) -> list[Standing]:
        """The configurations that are ranked: no controls, no diagnostics."""
        return [standing for standing in self.standings if standing.contender]

    def within(self, choice: Choice) -> "Ranking":
        """Give ranks among the defenses that lose no more utility than the choice allows."""
        return replace(self, standings=ranked(self.standings, choice.track, choice.allowed_loss))


@dataclass(frozen=True)
class Offered:
    """What a reader can choose among the entries of one dataset that were scored on one track."""

    splits: tuple[str, ...]
    split_layers: tuple[str, ...]
    images: tuple[Images, ...]
    settings: tuple[Setting, ...]
    budgets: tuple[int, ...]

    @classmethod
    def of(cls, rows: Sequence[LeaderboardRow], track: Track) -> "Offered":
        """What these entries, of one dataset and of `track`, leave to choose."""
        tried = attacks(rows, track)
        splits = {row.report.split for row in rows}
        layers = {row.split_index: row.split_layer for row in rows}
        settings = {row.report.setting for row in tried}
        return cls(
            splits=tuple(split for split in PUBLIC_SPLITS if split in splits),
            split_layers=tuple(layers[index] for index in sorted(layers)),
            images=tuple(sorted({images_of(row) for row in rows})),
            settings=tuple(setting for setting in Setting if setting in settings),
            budgets=tuple(sorted({row.report.auxiliary_records for row in tried})),
        )


def offers(rows: Sequence[LeaderboardRow]) -> dict[Track, dict[str, Offered]]:
    """What a reader can choose of a board, by track and dataset."""
    found: dict[Track, dict[str, list[LeaderboardRow]]] = {}
    for row in rows:
        found.setdefault(row.report.track, {}).setdefault(row.dataset, []).append(row)
    return {
        track: {name: Offered.of(part, track) for name, part in sorted(found[track].items())}
        for track in Track
        if track in found
    }


def first(offered: Mapping[Track, Mapping[str, Offered]]) -> Choice:
    """What is shown to a reader who has not chosen yet."""
    track, datasets = next(iter(offered.items()))
    dataset, offer = next(iter(datasets.items()))
    return Choice(track, dataset, offer.splits[-1])


def rankings(
    rows: Sequence[LeaderboardRow], choice: Choice, values_of: ValuesOf = nothing_kept
) -> list[Ranking]:
    """Rank each group in which something of the chosen track was scored."""
    return [ranking.within(choice) for ranking in measurements(rows, choice, values_of)]


def measurements(
    rows: Sequence[LeaderboardRow], choice: Choice, values_of: ValuesOf = nothing_kept
) -> list[Ranking]:
    """Measure each such group, before the allowed loss of utility gives ranks."""
    return [
        measurement(rows, group, part, choice, values_of)
        for group, part in groups(rows, choice.track).items()
        if choice.shows(part[0])
    ]


def measurement(
    rows: Sequence[LeaderboardRow],
    group: Group,
    part: Sequence[LeaderboardRow],
    choice: Choice,
    values_of: ValuesOf,
) -> Ranking:
    """Measure one group, whose entries are `part`, of a board with these `rows`."""
    validation = [row for row in rows if row.report.split == "validation"]
    return Ranking(group, part, measured(part, choice.track, validation, values_of, choice.counts))
