"""`leakboard score`: score a prediction file."""

from pathlib import Path

import click

from .output import score_table


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.argument("predictions", type=click.Path(path_type=Path))
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of the withheld answers, for predictions of test.  [default: <release>-truth]",
)
@click.option(
    "--board",
    type=click.Path(path_type=Path),
    help="Also enter the result on this leaderboard; see it with `leakboard serve`.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def score(
    release: Path, predictions: Path, truth: Path | None, board: Path | None, as_json: bool
) -> None:
    """Score PREDICTIONS against RELEASE, with 95 % intervals, beside the trivial anchors."""
    from ..evaluate import score as evaluate
    from ..leaderboard import enter
    from ..schemas import Release

    opened = Release.open(release)
    report = evaluate(opened, predictions, truth)
    if board:
        enter(board, opened, report)
    click.echo(report.model_dump_json() if as_json else score_table(report))
