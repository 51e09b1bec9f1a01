"""How commands speak to the desk of a board, and as whom."""

import os
from collections.abc import Callable
from typing import TypeVar

import click

from ..schemas import UsageError
from .store import board_option

Command = TypeVar("Command", bound=Callable[..., None])

database_option = click.option(
    "--database",
    metavar="URL",
    envvar="LEAKBOARD_DATABASE",
    show_envvar=True,
    help="Where the desk keeps its tables and its queue: postgresql+psycopg://USER@HOST/NAME needs "
    "the extra `postgresql`.  [default: SQLite files on the desk]",
)


def desk_options(command: Command) -> Command:
    """Add the options that say which board, and where its desk keeps its tables."""
    return board_option(database_option(command))


def token() -> str:
    """The user's token: from the environment, since others see what a command is called with."""
    found = os.environ.get("LEAKBOARD_TOKEN")
    if not found:
        raise UsageError(
            "LEAKBOARD_TOKEN is not set; set it to the token that the board's organiser gave you"
        )
    return found
