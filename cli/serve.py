"""`leakboard serve`: open the leaderboard."""

from pathlib import Path

import click
from click.core import ParameterSource

from .identity import database_option
from .store import board_option, store_option


@click.command()
@board_option
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
@store_option
@click.option(
    "--releases",
    type=click.Path(path_type=Path),
    help="A release, or a folder of releases, that the page takes submissions to.",
)
@database_option
@click.pass_context
def serve(
    context: click.Context,
    board: Path,
    port: int,
    store: str | None,
    releases: Path | None,
    database: str | None,
) -> None:
    """Serve the leaderboard of BOARD on http://127.0.0.1:PORT.

    Where no board is named, and there is none in the folder `board`, the reference results are
    shown, which come with Leakboard.
    """
    from ..leaderboard import has_board
    from ..leaderboard import serve as run

    unnamed = context.get_parameter_source("board") is ParameterSource.DEFAULT
    asked = store or releases or database
    if unnamed and not asked and not has_board(board):
        click.echo(f"{board}: there is no board yet; these are the reference results", err=True)
        run(None, port)
    else:
        run(board, port, store=store, releases=releases, database=database)
