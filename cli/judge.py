"""`leakboard judge`: train a network that recognises the people of a release."""

from pathlib import Path

import click

from ..schemas.config import Precision
from ..schemas.judge import JudgeSplit
from .output import interval, refuse_existing


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.option(
    "--out", required=True, type=click.Path(path_type=Path), help="The judge (safetensors)."
)
@click.option(
    "--split",
    "splits",
    type=click.Choice(["defender", "auxiliary"]),
    multiple=True,
    default=["defender"],
    show_default=True,
    help="Whose faces to learn; repeatable. Those of auxiliary are shared with the attacks.",
)
@click.option(
    "--epochs", type=click.IntRange(min=1), default=20, show_default=True, help="How long."
)
@click.option(
    "--precision",
    type=click.Choice(["float32", "bfloat16"]),
    default="float32",
    show_default=True,
    help="bfloat16 is up to twice as fast on processors that have it.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
def judge(
    release: Path,
    out: Path,
    splits: tuple[JudgeSplit, ...],
    epochs: int,
    precision: Precision,
    seed: int,
) -> None:
    """Train a judge on people of RELEASE whom no attack is scored on.

    It says whether a reconstruction can be told to be of a person: give it to `leakboard score
    --judge`. Needs a dataset with several images of a person, such as celeba or synthetic.
    """
    from ..evaluate import train_judge
    from ..schemas import Release

    refuse_existing(out)
    trained = train_judge(
        Release.open(release), out, splits=splits, epochs=epochs, precision=precision, seed=seed
    )
    assert trained.header is not None
    for name, score in trained.header.validation.items():
        click.echo(f"validation, unchanged images: {name} {interval(score)}, n = {score.n} probes")
    click.echo(f"{out}: use it with `leakboard score {release} PREDICTIONS --judge {out}`")
