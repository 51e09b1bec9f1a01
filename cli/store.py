"""`leakboard store`: the index of a leaderboard."""

from pathlib import Path

import click

from .output import counted

board_option = click.option(
    "--board",
    type=click.Path(path_type=Path),
    default=Path("board"),
    show_default=True,
    help="Folder of the board.",
)
store_option = click.option(
    "--store",
    metavar="URL",
    envvar="LEAKBOARD_STORE",
    show_envvar=True,
    help="Keep the index in this database: postgresql://USER@HOST/DATABASE needs the extra "
    "`postgresql`.  [default: index.sqlite in the board]",
)


@click.group()
def store() -> None:
    """Look after the index of a leaderboard; its JSON files are the truth."""


@store.command()
@board_option
@store_option
def rebuild(board: Path, store: str | None) -> None:
    """Make the index of BOARD anew from its JSON files."""
    from ..leaderboard import existing

    opened = existing(board, store)
    opened.rebuild()
    click.echo(f"{board}: {counted(len(opened.rows()), 'entry', 'entries')} in {opened.engine.url}")
