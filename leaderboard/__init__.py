"""The leaderboard: a store, ranking, figures, the Streamlit pages, and submissions to it."""

from .desk import Desk, User, desk_folder
from .entry import enter, entry
from .estimates import Estimate, combined
from .helpers import Helpers, releases_in
from .intake import submit
from .mine import Mine, submission_of, submissions_of, withdraw
from .ranking import groups, standings
from .rescore import Difference, rescore
from .serve import command, has_board, serve
from .standing import Group, Rank, Standing
from .store import Board, existing
from .worker import Worker

__all__ = [
    "Board",
    "Desk",
    "Difference",
    "Estimate",
    "Group",
    "Helpers",
    "Mine",
    "Rank",
    "Standing",
    "User",
    "Worker",
    "combined",
    "command",
    "desk_folder",
    "enter",
    "entry",
    "existing",
    "groups",
    "has_board",
    "releases_in",
    "rescore",
    "serve",
    "standings",
    "submission_of",
    "submissions_of",
    "submit",
    "withdraw",
]
