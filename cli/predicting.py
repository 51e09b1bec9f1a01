"""What the commands that make predictions have in common: about which images, and where to.

Those that run somebody's model also share how long it may take.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

Command = Callable[..., Any]
OPTIONS = (
    click.option(
        "--out",
        required=True,
        type=click.Path(path_type=Path),
        help="The prediction file (Parquet).",
    ),
    click.option(
        "--split",
        type=click.Choice(["validation", "test"]),
        default="validation",
        show_default=True,
        help="Which images to predict.",
    ),
    click.option(
        "--images",
        type=click.IntRange(min=1),
        metavar="N",
        help="Ask only about the first N images of the split, for attacks that take long over "
        "each; the score is then of those N.  [default: all]",
    ),
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
    for option in reversed(OPTIONS):
        command = option(command)
    return command
