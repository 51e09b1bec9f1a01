"""`leakboard submit`: submit an attack to a board."""

import json
from collections.abc import Mapping
from pathlib import Path

import click

from ..schemas import BadSubmission, Release, Setting, Track
from .identity import desk_options, token
from .output import counted


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--name", help="What the entry is called on the board.")
@click.option("--track", type=click.Choice([str(track) for track in Track]))
@click.option("--setting", type=click.Choice([str(setting) for setting in Setting]))
@click.option("--paper", metavar="URL", help="Where the attack is described.")
@click.option(
    "--about",
    type=click.Path(path_type=Path),
    metavar="TOML",
    help="What the submission declares; the options above take the place of its keys.  "
    "[default: FILE with the ending .toml]",
)
@click.option("--private", is_flag=True, help="Show the score to you alone, not on the board.")
@click.option(
    "--dry-run",
    is_flag=True,
    help="Say what the server would say, and submit nothing; where the board takes no submissions, "
    "of the file and its declaration alone.",
)
@desk_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def submit(
    release: Path,
    file: Path,
    about: Path | None,
    private: bool,
    dry_run: bool,
    board: Path,
    database: str | None,
    as_json: bool,
    **declared: str | None,
) -> None:
    """Submit FILE, the predictions of an attack on RELEASE or its model (.onnx or .safetensors).

    Every problem of the declaration and of the file is told at once; exit code 1 where there is
    one. `leakboard submissions` shows what becomes of a submission.
    """
    from ..leaderboard import Desk, desk_folder
    from ..leaderboard import submit as run

    about = about or file.with_suffix(".toml")
    changes = {key: value for key, value in declared.items() if value is not None}
    submitted, asked = None, not dry_run or desk_folder(board).is_dir()
    try:
        if asked:
            desk = Desk.open(board, database)
            sent = Release.open(release), file, about, changes
            user = desk.user_of(token())
            submitted = run(desk, user, *sent, private=private, dry_run=dry_run)
        else:
            _check_without_desk(Release.open(release), file, about, changes, board)
    except BadSubmission as refused:
        _tell_problems(refused, as_json)
        click.get_current_context().exit(1)
    _tell(submitted, asked, as_json)


def _check_without_desk(
    release: Release, file: Path, about: Path, changes: Mapping[str, str], board: Path
) -> None:
    from ..leaderboard import examined

    checked = examined(release, file, about, changes)
    if checked.problems:
        raise BadSubmission(checked.problems)
    click.echo(
        f"{board} takes no submissions, so nobody was asked whether the name is free, the day's "
        "budget is spent, or these predictions were submitted before",
        err=True,
    )


def _tell(submitted: str | None, asked: bool, as_json: bool) -> None:
    """Say what became of it: nothing was submitted where the desk was not asked, or a dry run."""
    if as_json:
        click.echo(json.dumps({"submission": submitted, "problems": [], "asked": asked}))
    elif not asked:
        click.echo("nothing is wrong with the file and its declaration")
    elif submitted is None:
        click.echo("it would be accepted")
    else:
        click.echo(f"{submitted}: received; follow it with `leakboard submissions {submitted}`")


def _tell_problems(refused: BadSubmission, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"submission": None, "problems": refused.problems}))
        return
    for problem in refused.problems:
        click.echo(problem)
    click.echo(f"{counted(len(refused.problems), 'problem')}; nothing was submitted", err=True)
