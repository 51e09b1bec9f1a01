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
    "download. For tables and figures: a folder that holds a folder for each dataset (cifar10, "
    "celeba, fairface), those of them that you have; or one of them as NAME=SOURCE; or the word "
    "synthetic, for drawn faces in the place of all.",
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
    help="Folder of the results; tables and figures that share it share their cells.",
)
@click.option(
    "--seeds",
    type=click.IntRange(min=1),
    metavar="N",
    help="Training runs of each configuration.  [default: 3 on CIFAR-10, 2 on faces; at smoke "
    "scale 1, at paper scale 3]",
)
@click.option(
    "--minutes",
    type=click.FloatRange(min=0),
    help="When these are up, what is done is reported.  [default: until all is done]",
)
@click.option(
    "--keep-releases",
    "keep",
    is_flag=True,
    help="Keep the activations of each cell, not only what was found out about them.",
)
@click.option(
    "--board",
    type=click.Path(path_type=Path),
    help="Also enter every attack of the finished cells on this leaderboard.",
)
def reproduce(
    experiment: str,
    source: str,
    scale: Scale,
    out: Path,
    seeds: int | None,
    minutes: float | None,
    keep: bool,
    board: Path | None,
) -> None:
    """Run EXPERIMENT and write its numbers, tables and pictures.

    EXPERIMENT is a file of experiments/: table1, table2, table3, figure3, figure4 and figure6 of
    the DISCO paper, convergence (the same attacks with twice the epochs), hcr, or layers. A run
    that was stopped continues when the same command is given again, cell by cell: one configuration
    and seed, generated, attacked and scored. The pictures need the packages of the `dev` extra.
    """
    from ..experiments import Request
    from ..experiments import reproduce as run
    from ..experiments._cells import entries
    from ..leaderboard import enter

    report = run(experiment, Request(source, scale, out, seeds, minutes, keep))
    if board:
        for release, scored, values in entries(out / "cells"):
            enter(board, release, scored, values)
    click.echo((out / f"{report.experiment}.md").read_text("utf-8"))
    click.echo(f"{out}: {report.experiment} at {scale} scale, as JSON, Markdown and SVG")
