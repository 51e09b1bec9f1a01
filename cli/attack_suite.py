"""`leakboard attack-suite`: run every suitable attack and write the leakage statement."""

from pathlib import Path

import click

from ..schemas.records import PublicSplit
from .output import counted


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of the report: report.json, report.md, report.html, and all predictions.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    default=60,
    show_default=True,
    help="When these are up, the attack in progress is stopped and listed as not run.",
)
@click.option(
    "--split",
    type=click.Choice(["validation", "test"]),
    help="What to report on; the strongest attack is always chosen on validation.  "
    "[default: test where its truth is at hand, else validation]",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of the withheld answers.  [default: <release>-truth]",
)
def attack_suite(
    release: Path, out: Path, minutes: float, split: PublicSplit | None, truth: Path | None
) -> None:
    """Run every suitable attack on RELEASE and write a leakage statement.

    The cheapest attacks come first. What has finished is kept: the same command goes on where a
    run was stopped, or where the minutes were up.
    """
    from .. import evaluate
    from ..schemas import Release

    opened = Release.open(release)
    statement = evaluate.attack_suite(opened, out, minutes=minutes, split=split, truth=truth)
    for track in statement.tracks:
        for finding in track.findings:
            click.echo(finding)
    for missing in statement.not_run:
        click.echo(f"not run: {missing.attack}: {missing.reason}")
    click.echo(
        f"{out / 'report.html'}: {counted(len(statement.attacks), 'attack')}, on {statement.split}"
    )
