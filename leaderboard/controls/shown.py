"""What the pages show: the entries of a board that a reader chose, ranked once per version."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import streamlit as st

from ...schemas import LeaderboardRow, Track
from ..figures.figure import Figure, trade_off
from ..figures.pictures import View, gallery_times, views
from ..ranking.choice import Choice, Offered, Ranking, measurement, offers
from ..ranking.health import Flags, flags
from ..ranking.record import attacks
from ..ranking.rules import groups
from ..ranking.standing import Group
from ..store.board import Board, version_of

# What is kept is shared by all readers and never changed: records are frozen. Copies, as of
# `cache_data`, would cost more than the queries.
VERSIONS, CHOICES = 2, 512  # how many stay in memory
NOTICED = 2.0  # seconds until an entry that was written over is noticed; a new one is at once


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
    def rankings(self) -> Sequence["Ranked"]:
        """The ranking of each group in which something of the chosen track was scored."""
        track, loss = self.choice.track, self.choice.allowed_loss
        tried = _attacks(self.board, self.version, track)
        return [
            _ranking(self, self.version, group, self._decisive(tried[group]), loss)
            for group, rows in _groups(self.board, self.version, track).items()
            if self.choice.shows(rows[0])
        ]

    def _decisive(self, tried: Sequence[LeaderboardRow]) -> tuple[Track, bytes]:
        """All that a measurement of a group depends on: the track, and which attacks count."""
        return self.choice.track, bytes(map(self.choice.counts, tried))

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


@dataclass(frozen=True)
class Ranked(Ranking):
    """A ranking by what was scored on one track, and its figure."""

    track: Track

    @cached_property
    def trade_off(self) -> Figure | None:
        """Utility against leakage; None where nothing was attacked."""
        if not any(standing.leakage for standing in self.contenders):
            return None
        return trade_off(self.contenders, self.track)


def version_at(folder: Path) -> str | None:
    """The version of the board in a folder; None where there is no result.

    All readers share a look at the times of its files, which are many.
    """
    results = folder / "results"
    return _version(folder, results.stat().st_mtime_ns if results.is_dir() else None)


@st.cache_resource(ttl=NOTICED, max_entries=VERSIONS, show_spinner=False)
def _version(folder: Path, changed: int | None) -> str | None:
    return version_of(folder)


@st.cache_resource(max_entries=VERSIONS, show_spinner=False)
def board_of(folder: Path, store: str | None, version: str) -> Board:
    """The board in a folder, opened once in each version; raises what `Board.open` raises."""
    return Board.open(folder, store)


@st.cache_resource(max_entries=VERSIONS, show_spinner=False)
def entries(_board: Board, version: str) -> Sequence[LeaderboardRow]:
    """All entries of the board in one version."""
    return _board.rows()


@st.cache_resource(max_entries=VERSIONS, show_spinner=False)
def offered(_board: Board, version: str) -> Mapping[Track, Mapping[str, Offered]]:
    """What can be chosen of the board in one version."""
    return offers(entries(_board, version))


@st.cache_resource(max_entries=VERSIONS * len(Track), show_spinner=False)
def _groups(_board: Board, version: str, track: Track) -> Mapping[Group, Sequence[LeaderboardRow]]:
    return groups(entries(_board, version), track)


@st.cache_resource(max_entries=VERSIONS * len(Track), show_spinner=False)
def _attacks(_board: Board, version: str, track: Track) -> Mapping[Group, Sequence[LeaderboardRow]]:
    return {group: attacks(rows, track) for group, rows in _groups(_board, version, track).items()}


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _ranking(
    _shown: Shown, version: str, group: Group, decisive: tuple[Track, bytes], loss: float
) -> Ranked:
    found = _measurement(_shown, version, group, decisive).within(_shown.choice)
    return Ranked(found.group, found.rows, found.standings, _shown.choice.track)


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _measurement(
    _shown: Shown, version: str, group: Group, decisive: tuple[Track, bytes]
) -> Ranking:
    board, choice = _shown.board, _shown.choice
    rows = _groups(board, version, choice.track)[group]
    return measurement(_shown.rows, group, rows, choice, board.values)


@st.cache_resource(max_entries=CHOICES, show_spinner=False)
def _images(
    _board: Board, fingerprints: frozenset[str], times: Sequence[int]
) -> Sequence[Sequence[View]]:
    return views(_board.folder, fingerprints)
