"""What the pages show: the entries of a board that a reader chose, ranked once per version."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from ..schemas import LeaderboardRow
from .choice import Choice, Ranking, rankings
from .health import Flags, flags
from .store import Board

# What is kept is shared by all readers and never changed: records are frozen. Copies, as of
# `cache_data`, would cost more than the queries.
VERSIONS, CHOICES = 2, 64  # how many stay in memory


@dataclass(frozen=True)
class Shown:
    """A board in one version, and what the reader chose of it."""

    board: Board
    version: str
    choice: Choice

    @property
    def rows(self) -> Sequence[LeaderboardRow]:
        """All entries of the board."""
        return entries(self.board, self.version)

    @property
    def chosen(self) -> list[LeaderboardRow]:
        """The entries of the chosen dataset, split and split layer, of both tracks."""
        return [row for row in self.rows if self.choice.shows(row)]

    @property
    def rankings(self) -> Sequence[Ranking]:
        """The ranking of each group in which something of the chosen track was scored."""
        return _rankings(self.board, self.version, self.choice)

    def entries(self, ranking: Ranking) -> list[LeaderboardRow]:
        """The entries of a group that the choice leaves: of the track, and attacks that count."""
        track = self.choice.track
        return [r for r in ranking.rows if r.report.track is track and self.choice.counts(r)]

    def flags(self, ranking: Ranking) -> Flags:
        """The health flags of a group's entries."""
        return flags(ranking.rows)


@st.cache_resource(max_entries=VERSIONS, show_spinner=False)
def entries(_board: Board, version: str) -> Sequence[LeaderboardRow]:
    """All entries of the board in one version."""
    return _board.rows()


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _rankings(_board: Board, version: str, choice: Choice) -> Sequence[Ranking]:
    return rankings(entries(_board, version), choice, _board.values)
