"""What the pages show: the entries of a board that a reader chose, ranked once per version."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import streamlit as st

from ..schemas import LeaderboardRow
from .choice import Choice, Ranking, measurements
from .figures import Figure, drawn, trade_off
from .health import Flags, flags
from .pictures import View, gallery_times, views
from .ranking import LOSSES
from .standing import Group
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

    def trade_off(self, ranking: Ranking) -> Figure | None:
        """Utility against leakage; None where nothing was attacked."""
        return _trade_off(ranking, self.version, self.choice, ranking.group)

    @property
    def images(self) -> Sequence[Sequence[View]]:
        """The views of each image of the gallery, over the chosen releases."""
        fingerprints = frozenset(row.report.fingerprint for row in self.chosen)
        return _images(self.board, fingerprints, gallery_times(self.board.folder))

    def entries(self, ranking: Ranking) -> list[LeaderboardRow]:
        """The entries of a group that the choice leaves: of the track, and attacks that count."""
        track = self.choice.track
        return [r for r in ranking.rows if r.report.track is track and self.choice.counts(r)]

    def flags(self, ranking: Ranking) -> Flags:
        """The health flags of a group's entries."""
        validation = [row for row in self.rows if row.report.split == "validation"]
        return flags(ranking.rows, validation)


@st.cache_resource(max_entries=VERSIONS, show_spinner=False)
def entries(_board: Board, version: str) -> Sequence[LeaderboardRow]:
    """All entries of the board in one version."""
    return _board.rows()


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _rankings(_board: Board, version: str, choice: Choice) -> Sequence[Ranking]:
    measured = _measurements(_board, version, replace(choice, allowed_loss=LOSSES[-1]))
    return [ranking.within(choice) for ranking in measured]


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _measurements(_board: Board, version: str, choice: Choice) -> Sequence[Ranking]:
    return measurements(entries(_board, version), choice, _board.values)


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _trade_off(_ranking: Ranking, version: str, choice: Choice, group: Group) -> Figure | None:
    contenders = [standing for standing in _ranking.standings if standing.contender]
    if not any(standing.leakage for standing in contenders):
        return None
    return drawn(trade_off(contenders, choice.track))


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _images(
    _board: Board, fingerprints: frozenset[str], times: Sequence[int]
) -> Sequence[Sequence[View]]:
    return views(_board.folder, fingerprints)
