"""The leaderboard: a store, ranking, figures, the Streamlit pages, and submissions to it."""

from .desk.desk import Desk, User, desk_folder
from .desk.intake import examined, submit
from .desk.mine import Mine, submission_of, submissions_of, withdraw
from .ranking.estimates import Estimate, combined
from .ranking.rules import groups, standings
from .ranking.standing import Group, Rank, Standing
from .serve import command, has_board, serve
from .store.board import Board, existing
from .store.entry import enter, entry
from .worker.helpers import Helpers, releases_in
from .worker.rescore import Difference, rescore
from .worker.worker import Worker

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
    "examined",
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
