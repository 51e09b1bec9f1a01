"""`leakboard run-model`: run a model as the organiser would, and write its predictions."""

from functools import partial
from pathlib import Path

import click

from ..schemas import Setting, Track
from ..schemas.records import PublicSplit
from .output import counted, refuse_existing
from .predicting import predicting, seconds_option


@click.command()
@click.argument("release", type=click.Path(path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@predicting
@click.option(
    "--track",
    required=True,
    type=click.Choice([track.value for track in Track]),
    help="What the model answers: class probabilities (N, K), or images (N, 3, S, S) in [0, 1].",
)
@click.option("--name", help="The attack's name in the prediction file.  [default: the file's]")
@click.option(
    "--setting",
    type=click.Choice([setting.value for setting in Setting]),
    default=Setting.AUXILIARY.value,
    show_default=True,
    help="What was known when the model was trained.",
)
@click.option(
    "--auxiliary",
    "budget",
    type=click.IntRange(min=0),
    metavar="N",
    help="How many auxiliary records it was trained on.  [default: all]",
)
@seconds_option
@click.option(
    "--run-code",
    "code",
    is_flag=True,
    help="MODEL is a folder with code of an attack, and may run on this machine.",
)
def run_model(
    release: Path,
    model: Path,
    out: Path,
    track: str,
    split: PublicSplit,
    images: int | None,
    name: str | None,
    setting: str,
    budget: int | None,
    seconds: float,
    code: bool,
) -> None:
    """Run MODEL on the activations of RELEASE in the sandbox and write its predictions.

    MODEL is an ONNX file (.onnx) from activations (N, C, H, W), or the weights of an architecture
    of ours (.safetensors); with --run-code a folder whose attack.py holds `class Attack`. It is
    checked and confined as the organiser's server does it.
    """
    from ..evaluate import SubmittedCode, SubmittedModel
    from ..schemas import Release

    refuse_existing(out)
    opened = Release.open(release)
    held = opened.manifest.splits["auxiliary"].records if budget is None else budget
    kind = partial(SubmittedCode, allowed=code) if model.is_dir() else SubmittedModel
    submitted = kind(
        path=model,
        name=name or model.stem,
        track=Track(track),
        setting=Setting(setting),
        auxiliary_records=0 if setting == Setting.WHITEBOX else held,
    )
    predictions = submitted.predict(opened, split, seconds=seconds, images=images)
    predictions.write(out, opened)
    rows = counted(len(predictions.sample_ids), "prediction")
    click.echo(f"{out}: {rows}; score them with `leakboard score {release} {out}`")
