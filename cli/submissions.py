"""`leakboard submissions`, `withdraw` and `token`: who submits, and what became of it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .identity import desk_options, token
from .output import columns, interval

if TYPE_CHECKING:
    from ..leaderboard import Mine

HEAD = ["submission", "name", "track", "release", "split", "shown", "received", "state", "position"]


@click.command()
@click.argument("submission", required=False)
@desk_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def submissions(submission: str | None, board: Path, database: str | None, as_json: bool) -> None:
    """Show your submissions, or one with its history and scores; nobody else's."""
    from ..leaderboard import Desk, submission_of, submissions_of

    desk = Desk.open(board, database)
    user = desk.user_of(token())
    if submission is not None:
        mine = submission_of(desk, user, submission)
        click.echo(mine.model_dump_json() if as_json else _one(mine))
        return
    found = submissions_of(desk, user)
    if as_json:
        click.echo(json.dumps({"submissions": [one.model_dump(mode="json") for one in found]}))
    else:
        click.echo(columns([HEAD, *(_row(one) for one in found)]))


@click.command()
@click.argument("submission")
@desk_options
def withdraw(submission: str, board: Path, database: str | None) -> None:
    """Take back SUBMISSION, your own, as long as the board does not show it."""
    from ..leaderboard import Desk
    from ..leaderboard import withdraw as run

    desk = Desk.open(board, database)
    run(desk, desk.user_of(token()), submission)
    click.echo(f"{submission}: withdrawn")


@click.command("token")
@click.argument("user")
@click.option(
    "--daily",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Submissions on test that the user may make in a UTC day.",
)
@desk_options
def issue_token(user: str, daily: int, board: Path, database: str | None) -> None:
    """Print a new token for USER, for the organiser to pass on; an earlier one ends."""
    from ..leaderboard import Desk, desk_folder

    if not desk_folder(board).is_dir():
        click.echo(
            f"{desk_folder(board)}: a new desk, which takes submissions to {board}", err=True
        )
    click.echo(Desk.set_up(board, database).issue_token(user, daily))


def _row(mine: "Mine") -> list[str]:
    position = "" if mine.position is None else str(mine.position)
    about = [mine.id, mine.name, mine.track, mine.release, mine.split, mine.audience]
    return [*about, mine.received, mine.state, position]


def _one(mine: "Mine") -> str:
    lines = [columns([[line.time, line.state, line.message] for line in mine.log])]
    if mine.scores:
        lines.append(columns([[name, interval(score)] for name, score in mine.scores.items()]))
    if mine.overfitting is not None:
        gap = mine.overfitting
        lines.append(f"{gap.metric} on validation minus test: {gap}")
    if mine.reserve_gap is not None:
        lines.append(f"{mine.reserve_gap.metric} on test minus reserve: {mine.reserve_gap}")
    return "\n\n".join([columns([HEAD, _row(mine)]), *lines])
