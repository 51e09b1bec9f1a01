"""`leakboard attack`: run an attack and write its predictions."""

from pathlib import Path

import click

from ..schemas import UsageError, parse_assignment
from ..schemas.records import PublicSplit
from .output import counted, refuse_existing
from .predicting import predicting_several


@click.command()
@click.argument("name")
@click.argument("release", type=click.Path(path_type=Path))
@predicting_several
@click.option(
    "--set",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the attack, e.g. epochs=16 or track=reconstruction; repeatable.",
)
@click.option(
    "--auxiliary",
    "budget",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many auxiliary records the attacker holds.  [default: all]",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="The withheld answers; only a ceiling such as raw_image_classifier reads them.",
)
@click.option(
    "--save-model",
    "model",
    type=click.Path(path_type=Path),
    help="Also write the trained network (.safetensors), for `leakboard run-model`.",
)
def attack(
    name: str,
    release: Path,
    files: tuple[Path, ...],
    splits: tuple[PublicSplit, ...],
    images: int | None,
    options: tuple[str, ...],
    budget: int | None,
    truth: Path | None,
    model: Path | None,
) -> None:
    """Train the attack NAME on the auxiliary records of RELEASE and predict a split, or two.

    NAME is a file of evaluate/attacks (attribute_classifier, decoder, nearest_neighbour, prior,
    …) or an object path `my_package.my_attack:MyAttack`.
    """
    from ..evaluate import fit_attack
    from ..schemas import Release

    different = {path.absolute() for path in files}
    if not len(files) == len(splits) == len(different) == len({*splits}):
        raise UsageError(
            f"expected a file of its own for each split, but got --split {', '.join(splits)} and "
            f"--out {', '.join(map(str, files))}; give one --out for each --split"
        )
    for out in files:
        refuse_existing(out)
    refuse_existing(model, "--save-model")
    chosen = dict(parse_assignment(option) for option in options)
    opened = Release.open(release)
    fitted = fit_attack(opened, name, chosen, budget)
    held = counted(fitted.auxiliary_records, "auxiliary record")
    answers = [fitted.predict(split, truth, images) for split in splits]
    for split, out, predictions in zip(splits, files, answers, strict=True):
        predictions.write(out, opened)
        rows = counted(len(predictions.sample_ids), "prediction")
        click.echo(
            f"{out}: {rows} of {split} by an attacker with {held}; score them with "
            f"`leakboard score {release} {out}`"
        )
    if model:
        fitted.save_model(model)
