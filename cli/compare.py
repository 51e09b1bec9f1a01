"""`leakboard compare`: a paired test of two prediction files."""

from pathlib import Path

import click

from .output import comparison_table


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of the withheld answers, for predictions of test.  [default: <release>-truth]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def compare(release: Path, a: Path, b: Path, truth: Path | None, as_json: bool) -> None:
    """Test whether the prediction files A and B leak differently on the same images of RELEASE.

    A paired test, clustered by subject and corrected for the number of metrics (Holm); what it
    does not separate is tied. Also: the smallest difference that so many images can show.
    """
    from ..evaluate import compare as test
    from ..schemas import Release

    report = test(Release.open(release), a, b, truth)
    click.echo(report.model_dump_json() if as_json else comparison_table(report))
