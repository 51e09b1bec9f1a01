"""`leakboard serve`: open the leaderboard."""

from pathlib import Path

import click


@click.command()
@click.option(
    "--board",
    type=click.Path(path_type=Path),
    default=Path("board"),
    show_default=True,
    help="Folder of the results.",
)
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True)
def serve(board: Path, port: int) -> None:
    """Serve the leaderboard of BOARD on http://127.0.0.1:PORT."""
    from ..leaderboard import serve as run

    run(board, port)
