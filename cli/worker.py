"""`leakboard worker`: evaluate what was submitted to a board."""

from pathlib import Path

import click

from .identity import desk_options

releases_option = click.option(
    "--releases",
    type=click.Path(path_type=Path),
    required=True,
    help="A release, or a folder of releases.",
)
truths_option = click.option(
    "--truths",
    type=click.Path(path_type=Path),
    help="Folder of the trees <release>-truth.  [default: beside each release]",
)


@click.command()
@desk_options
@releases_option
@truths_option
@click.option("--drain", is_flag=True, help="Stop when no submission waits.")
@click.option(
    "--lease",
    type=click.FloatRange(min=1),
    default=60.0,
    show_default=True,
    help="Seconds without a sign after which another worker is taken for dead.",
)
@click.option(
    "--losses",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="Park a submission that has ended its worker so many times.",
)
def worker(
    board: Path,
    database: str | None,
    releases: Path,
    truths: Path | None,
    drain: bool,
    lease: float,
    losses: int,
) -> None:
    """Take submissions from the queue of the board, check, score and publish them.

    Ctrl-C lets the submission at hand finish. A worker that is killed loses nothing: what it held
    is evaluated again.
    """
    from ..leaderboard import Desk, Worker

    desk = Desk.open(board, database)
    Worker(desk, releases, truths, lease=lease, losses=losses, drain=drain).run()
