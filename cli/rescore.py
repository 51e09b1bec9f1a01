"""`leakboard rescore`: recompute the scores of a board's ledger."""

import json
from pathlib import Path

import click

from .identity import desk_options
from .output import counted
from .worker import releases_option, truths_option


@click.command()
@click.argument("chosen", nargs=-1, metavar="[SUBMISSION]...")
@desk_options
@releases_option
@truths_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def rescore(
    context: click.Context,
    chosen: tuple[str, ...],
    board: Path,
    database: str | None,
    releases: Path,
    truths: Path | None,
    as_json: bool,
) -> None:
    """Check the ledger, score the given submissions again, or all, and report every difference.

    Exit code 1 where there is one.
    """
    from ..leaderboard import Desk, Helpers, releases_in
    from ..leaderboard import rescore as run

    desk = Desk.open(board, database)
    helpers = Helpers(desk.folder, truths)
    try:
        found = dict(run(desk, releases_in(releases), helpers, chosen))
    finally:
        helpers.close()
    differences = [one for several in found.values() for one in several]
    if as_json:
        report = [one.model_dump() for one in differences]
        click.echo(json.dumps({"rescored": list(found), "differences": report}))
    else:
        for one in differences:
            click.echo(f"{one.submission}: {one.problem}")
        click.echo(f"{counted(len(found), 'score')}, {counted(len(differences), 'difference')}")
    context.exit(1 if differences else 0)
