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
from .output import ARROW, columns, refuse_existing

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
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Also write what was measured, with each image's floor, for `leakboard score --bounds`.",
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
    out: Path | None,
    as_json: bool,
) -> None:
    """Measure the bound NAME on RELEASE, over images, with 95 % intervals over subjects.

    NAME is a file of evaluate/bounds (fisher, jacobian, …), an object path
    `my_package.my_bound:MyBound`, or `all`. Ctrl-C ends the run early and prints what is done.
    """
    from ..evaluate import draw_bound, measure_bounds
    from ..schemas import Release
    from ..schemas.files import write_text

    refuse_existing(out)
    refuse_existing(pictures, "--pictures")
    opened = Release.open(release)
    chosen = _chosen(name, options)
    found = measure_bounds(opened, chosen, samples, split, truth, layer)
    if name in found.says_nothing:
        raise NoBound(found.says_nothing[name])
    if out:
        write_text(out, found.to_json())
    reports = {one.report.bound: one.report for one in found.measured}
    if pictures:
        for one in reports:
            draw_bound(opened, one, chosen[one], pictures, split, truth, layer)
    if as_json:
        click.echo(_as_json(name, reports, found.says_nothing))
    else:
        tables = [bound_table(report) for report in reports.values()]
        reasons = [f"{one}: {why}" for one, why in found.says_nothing.items()]
        click.echo("\n\n".join([*tables, *reasons]))


def _chosen(name: str, assignments: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """The bounds to measure, each with those options that it has; `all` needs one that has it."""
    from ..evaluate.bounds import REGISTRY, with_options

    options = dict(parse_assignment(assignment) for assignment in assignments)
    if name != ALL:
        return {name: options}
    every = {option for one in REGISTRY.names() for option in options_of(REGISTRY.find(one))}
    for option in options:
        if option not in every:
            raise UnknownOption(f"no bound has an option {option!r}: {nearest(option, every)}")
    return with_options(options)


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
    of = f" of {report.asked} asked: stopped early" if report.stopped else ""
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
