"""`leakboard export-site`: the leaderboard as static pages."""

from pathlib import Path

import click

from .store import board_option, store_option


@click.command("export-site")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@board_option
@store_option
def export_site(folder: Path, board: Path, store: str | None) -> None:
    """Write BOARD as static pages into DIR, with its tables, figures and board.json beside them.

    DIR is new, or holds the pages of an earlier export, which are replaced.
    """
    from ..leaderboard import existing
    from ..leaderboard.site import export_site as export

    click.echo(f"{export(existing(board, store), folder)}: open it in a browser")
