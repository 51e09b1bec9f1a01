"""`leakboard bound`: what a release gives away, measured without an attack."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..schemas import NoBound, UnknownOption, parse_assignment
from ..schemas.bounds import BoundReport, Measured
from ..schemas.config import SPLIT_LAYERS
from ..schemas.errors import nearest
from ..schemas.records import PublicSplit
from ..schemas.registry import options_of
from .output import ARROW, columns

ALL = "all"


@click.command()
@click.argument("name")
@click.argument("release", type=click.Path(path_type=Path))
@click.option(
    "--samples",
    type=click.IntRange(min=2),
    default=256,
    show_default=True,
    help="Measure at most this many images.",
)
@click.option(
    "--split",
    type=click.Choice(["validation", "test"]),
    default="validation",
    show_default=True,
    help="Which images to measure.",
)
@click.option(
    "--set",
    "options",
    multiple=True,
    metavar="KEY=VALUE",
    help="An option of the bound, e.g. sigma=0.5; repeatable.",
)
@click.option(
    "--layer",
    type=click.Choice(SPLIT_LAYERS["resnet18"]),
    help="Cut the network after this block instead of where the release is split.",
)
@click.option(
    "--truth",
    type=click.Path(path_type=Path),
    help="Folder of the withheld inputs, for the split test.  [default: <release>-truth]",
)
@click.option(
    "--pictures",
    type=click.Path(path_type=Path),
    help="Also draw the bound of a few images as PNG files in this folder.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bound(
    name: str,
    release: Path,
    samples: int,
    split: PublicSplit,
    options: tuple[str, ...],
    layer: str | None,
    truth: Path | None,
    pictures: Path | None,
    as_json: bool,
) -> None:
    """Measure the bound NAME on RELEASE, over images, with 95 % intervals over subjects.

    NAME is a file of evaluate/bounds (fisher, jacobian, …), an object path
    `my_package.my_bound:MyBound`, or `all`. Ctrl-C ends the run early and prints what is done.
    """
    from ..evaluate import draw_bound, measure_bound
    from ..schemas import Release

    opened = Release.open(release)
    reports: dict[str, BoundReport] = {}
    says_nothing: dict[str, str] = {}
    for one, chosen in _chosen(name, options).items():
        try:
            reports[one] = measure_bound(opened, one, chosen, samples, split, truth, layer)
        except NoBound as reason:
            if name != ALL:
                raise
            says_nothing[one] = str(reason)
            continue
        if pictures:
            draw_bound(opened, one, chosen, pictures, split, truth, layer)
        if reports[one].n < reports[one].asked:
            break
    if as_json:
        click.echo(_as_json(name, reports, says_nothing))
    else:
        tables = [bound_table(report) for report in reports.values()]
        click.echo("\n\n".join([*tables, *(f"{n}: {why}" for n, why in says_nothing.items())]))


def _chosen(name: str, assignments: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The bounds to measure, each with those options that it has; `all` needs one that has it."""
    from ..evaluate.bounds import REGISTRY

    options = dict(parse_assignment(assignment) for assignment in assignments)
    if name != ALL:
        return {name: options}
    known = {one: options_of(REGISTRY.find(one)) for one in REGISTRY.names()}
    for option in options:
        if not any(option in of_one for of_one in known.values()):
            every = {option for of_one in known.values() for option in of_one}
            raise UnknownOption(f"no bound has an option {option!r}: {nearest(option, every)}")
    return {
        one: {option: value for option, value in options.items() if option in of_one}
        for one, of_one in known.items()
    }


def _as_json(name: str, reports: Mapping[str, BoundReport], says_nothing: Mapping[str, str]) -> str:
    if name != ALL:
        return reports[name].model_dump_json()
    content = {one: report.model_dump(mode="json") for one, report in reports.items()}
    return json.dumps({"bounds": content, "says_nothing": says_nothing})


def bound_table(report: BoundReport) -> str:
    """Lay out a report: a row per quantity, its median or mean first, then the quartiles."""
    head = ["quantity", "leaks more", "value (95 % interval)", "of images", "quartiles"]
    head += ["infinite", "unit"]
    rows = [[key, *_cells(measured)] for key, measured in report.measured.items()]
    of = "" if report.n == report.asked else f" of {report.asked} asked: stopped early"
    utility = report.utility
    facts = (
        f"{report.bound} of {report.release} at {report.layer}, {' and '.join(report.splits)} "
        f"(n = {report.n} images{of}); task accuracy {utility.value:.3f} ({utility.low:.3f} to "
        f"{utility.high:.3f}) on them; 95 % intervals over subjects"
    )
    meanings = [f"{key}: {measured.quantity.meaning}" for key, measured in report.measured.items()]
    return "\n".join([facts, *report.assumes, columns([head, *rows]), *meanings])


def _cells(measured: Measured) -> list[str]:
    return [
        ARROW[measured.quantity.direction],
        f"{measured.value:.4g} ({measured.low:.4g} to {measured.high:.4g})",
        f"{measured.quantity.summary} of {measured.n}",
        f"{measured.lower_quartile:.4g} to {measured.upper_quartile:.4g}",
        str(measured.infinite),
        measured.quantity.unit,
    ]
