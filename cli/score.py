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
@click.option(
    "--judge",
    "judges",
    multiple=True,
    metavar="FILE",
    help="Who looks for people in reconstructions: a file of `leakboard judge`, or an object path "
    "my_package.my_judge:Embedder of a torch module from images (N, 3, S, S) in [0, 1] to "
    "embeddings (N, D); repeatable.",
)
@click.option(
    "--bounds",
    type=click.Path(path_type=Path),
    help="A file of `leakboard bound all RELEASE --out`: errors of a reconstruction then stand "
    "beside the floors of the same images.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def score(
    release: Path,
    predictions: Path,
    truth: Path | None,
    board: Path | None,
    judges: tuple[str, ...],
    bounds: Path | None,
    as_json: bool,
) -> None:
    """Score PREDICTIONS against RELEASE, with 95 % intervals, beside the trivial anchors."""
    from ..evaluate import load_judge, scored
    from ..leaderboard import enter
    from ..schemas import Release
    from ..schemas.bounds import ReleaseBounds

    opened = Release.open(release)
    measured = ReleaseBounds.read(bounds) if bounds else None
    named = [load_judge(judge) for judge in judges]
    result = scored(opened, predictions, truth, named, measured)
    report = result.report
    if board:
        enter(board, opened, report, result.values)
    click.echo(report.model_dump_json() if as_json else score_table(report))
