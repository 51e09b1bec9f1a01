"""`leakboard reserve`: the organiser's fresh check of a model."""

from pathlib import Path

import click

from ..schemas import Setting, Track
from .output import interval
from .predicting import seconds_option


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--track",
    required=True,
    type=click.Choice([track.value for track in Track]),
    help="What the model answers.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of the withheld records.  [default: <release>-truth]",
)
@seconds_option
@click.option("--json", "as_json", is_flag=True, help="Print the score as JSON, or null.")
def reserve(
    release: Path, model: Path, track: str, truth: Path | None, seconds: float, as_json: bool
) -> None:
    """Run MODEL on the reserve of RELEASE, records in no public file, and print its score there.

    It runs in the sandbox, as by `leakboard run-model`, and sees the activations alone. Where it
    reads less than on test, it was fitted to test. There is no score where the reserve shows a
    single person.
    """
    from ..evaluate import SubmittedModel, reserve_score
    from ..schemas import Release

    submitted = SubmittedModel(model, model.stem, Track(track), Setting.AUXILIARY, 0)
    score = reserve_score(Release.open(release), submitted, truth, seconds=seconds)
    if as_json:
        click.echo("null" if score is None else score.model_dump_json())
    elif score is None:
        click.echo("the reserve shows a single person: no interval, so no score")
    else:
        click.echo(f"{score.metric} on the reserve: {interval(score)}")
