"""What the commands that make predictions have in common: about which images, and where to.

Those that run somebody's model also share how long it may take.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]
SPLIT = click.Choice(["validation", "test"])
FILE = click.Path(path_type=Path)
ONE = (
    click.option("--out", required=True, type=FILE, help="The prediction file (Parquet)."),
    click.option(
        "--split",
        type=SPLIT,
        default="validation",
        show_default=True,
        help="Which images to predict.",
    ),
)
SEVERAL = (
    click.option(
        "--out",
        "files",
        required=True,
        multiple=True,
        type=FILE,
        help="The prediction file (Parquet); one for each --split, in the same order.",
    ),
    click.option(
        "--split",
        "splits",
        type=SPLIT,
        multiple=True,
        default=["validation"],
        show_default=True,
        help="Which images to predict; repeatable: the attack is trained once for all.",
    ),
)
IMAGES = click.option(
    "--images",
    type=click.IntRange(min=1),
    metavar="N",
    help="Ask only about the first N images of the split, for attacks that take long over each; "
    "the score is then of those N.  [default: all]",
)


seconds_option = click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=600.0,
    show_default=True,
    help="How long it may take.",
)


def predicting(command: Command) -> Command:
    """Give a command the options `--out`, `--split` and `--images`."""
    return _with(command, (*ONE, IMAGES))


def predicting_several(command: Command) -> Command:
    """Give a command the same options, of which `--out` and `--split` may be repeated."""
    return _with(command, (*SEVERAL, IMAGES))


def _with(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    for option in reversed(options):
        command = option(command)
    return command
