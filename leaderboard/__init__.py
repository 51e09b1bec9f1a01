"""The leaderboard: a store of results, ranking, figures, and the Streamlit pages."""

from .entry import enter, entry
from .estimates import Estimate, combined
from .ranking import Group, Rank, Standing, groups, standings
from .serve import command, serve
from .store import Board

__all__ = [
    "Board",
    "Estimate",
    "Group",
    "Rank",
    "Standing",
    "combined",
    "command",
    "enter",
    "entry",
    "groups",
    "serve",
    "standings",
]
