"""What the pages show: the entries of a board that a reader chose, ranked."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..schemas import LeaderboardRow
from .choosing import Choice
from .ranking import Group, Standing, groups, standings
from .store import Board


@dataclass(frozen=True)
class Ranking:
    """The entries of one group, and where its defenses stand."""

    group: Group
    rows: Sequence[LeaderboardRow]
    standings: Sequence[Standing]


@dataclass(frozen=True)
class Shown:
    """A board, all its entries, and what the reader chose of them."""

    board: Board
    rows: Sequence[LeaderboardRow]
    choice: Choice

    @property
    def chosen(self) -> list[LeaderboardRow]:
        """The entries of the chosen dataset and split, of both tracks."""
        return [row for row in self.rows if self.choice.shows(row)]

    @property
    def rankings(self) -> list[Ranking]:
        """The ranking of each group in which something of the chosen track was scored."""
        track, allowed_loss = self.choice.track, self.choice.allowed_loss
        validation = [row for row in self.rows if row.report.split == "validation"]
        return [
            Ranking(
                group, part, standings(part, track, allowed_loss, validation, self.board.values)
            )
            for group, part in groups(self.chosen, track).items()
        ]
