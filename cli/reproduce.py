"""`leakboard reproduce`: what the source papers measured, done again."""

from pathlib import Path

import click

from ..schemas.config import Scale


@click.command()
@click.argument("experiment")
@click.option(
    "--data",
    "source",
    required=True,
    help="Where the images are: a Hub dataset id, a folder in the Hub's layout, or the official "
    "download.",
)
@click.option(
    "--scale",
    type=click.Choice(["smoke", "reduced", "paper"]),
    default="reduced",
    show_default=True,
    help="How much of everything; `paper` takes a large machine.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("reproduced"),
    show_default=True,
    help="Folder of the results.",
)
def reproduce(experiment: str, source: str, scale: Scale, out: Path) -> None:
    """Run EXPERIMENT, a file of experiments/, and write its numbers, tables and pictures.

    A run that was stopped continues when the same command is given again. The pictures need the
    packages of the `dev` extra.
    """
    from ..experiments import reproduce as run

    report = run(experiment, source, scale, out)
    click.echo((out / f"{report.experiment}.md").read_text("utf-8"))
    click.echo(f"{out}: {report.experiment} at {scale} scale, as JSON, Markdown and SVG")
