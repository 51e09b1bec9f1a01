"""How commands speak to the desk of a board, and as whom."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from ..schemas import UsageError

Command = TypeVar("Command", bound=Callable[..., None])


def desk_options(command: Command) -> Command:
    """Add the options that say which board, and where its desk keeps its tables."""
    board = click.option(
        "--board",
        type=click.Path(path_type=Path),
        default=Path("board"),
        show_default=True,
        help="Folder of the board.",
    )
    database = click.option(
        "--database",
        metavar="URL",
        help="Where the desk keeps its tables and its queue, such as "
        "postgresql+psycopg://USER@HOST/NAME.  [default: SQLite files on the desk]",
    )
    return board(database(command))


def token() -> str:
    """The user's token: from the environment, since others see what a command is called with."""
    found = os.environ.get("LEAKBOARD_TOKEN")
    if not found:
        raise UsageError(
            "LEAKBOARD_TOKEN is not set; set it to the token that the board's organiser gave you"
        )
    return found
