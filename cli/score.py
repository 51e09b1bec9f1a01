"""`leakboard score`: score prediction files."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from ..schemas import BadPredictions, MissingData, UsageError
from .output import score_table

SEVERAL = Path("-")


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
    "--values",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Also write there, under the name of the prediction file, what each image contributed to "
    "the score, in the place of what an earlier score wrote. That tells the answers of test.",
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
    values: Path | None,
    judges: tuple[str, ...],
    bounds: Path | None,
    as_json: bool,
) -> None:
    """Score PREDICTIONS against RELEASE, with 95 % intervals, beside the trivial anchors.

    With - for PREDICTIONS, the names of prediction files are read from standard input, and for
    each of these lines one JSON object is printed: its report, or {"problems": […]} where the file
    cannot be scored.
    """
    from ..evaluate import Scorer, load_judge
    from ..leaderboard import enter
    from ..schemas import Release
    from ..schemas.bounds import ReleaseBounds

    opened = Release.open(release)
    measured = ReleaseBounds.read(bounds) if bounds else None
    scorer = Scorer(opened, truth, [load_judge(judge) for judge in judges], measured)
    for path in _named(predictions):
        try:
            result = scorer.scored(path)
        except (BadPredictions, UsageError) as refused:
            if predictions != SEVERAL or isinstance(refused, MissingData):
                raise
            click.echo(json.dumps({"problems": [str(refused)]}))
            continue
        report = result.report
        if board:
            enter(board, opened, report, result.values)
        if values:
            result.values.write(values / path.name)
        shown = as_json or predictions == SEVERAL
        click.echo(report.model_dump_json() if shown else score_table(report))


def _named(predictions: Path) -> Iterator[Path]:
    if predictions != SEVERAL:
        yield predictions
        return
    for line in sys.stdin:
        yield Path(line.rstrip("\n"))
