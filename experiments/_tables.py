"""Fill a table cell by cell, and put our numbers beside the paper's: Markdown, JSON and a plot."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..evaluate.suite import TimeIsUp, deadline
from ..schemas import Config, Record, ScoreReport, UsageError
from ..schemas.files import write_text
from . import Report, Request
from ._cells import Cells
from ._configs import released_config
from ._images import Pixels
from ._plots import draw
from ._protocol import EFFORTS
from ._rows import Line, Number, Row, Run, compared, line, track_of

log = logging.getLogger(__name__)
SYNTHETIC = "synthetic"  # drawn faces in the place of all datasets
TITLES = {
    "utility": "utility ↑",
    "top1": "leakage (top-1) ↓",
    "ssim": "SSIM ↓",
    "psnr": "PSNR, dB ↓",
    "l1": "l1 in [0, 1] ↑",
}
VERSIONS = ("leakboard", "torch", "torchvision", "scikit-learn")


@dataclass(frozen=True)
class Block:
    """The rows of one dataset."""

    dataset: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table or figure of the paper: its blocks, its measures (the first is compared), notes."""

    name: str
    measures: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]


class Filled(Record):
    """A block with what is known so far; `anchors` are guesses that see no activation."""

    dataset: str
    title: str
    lines: tuple[Line, ...]
    anchors: dict[str, Number]
    notes: tuple[str, ...]


def fill(table: Table, request: Request) -> Report:
    """Run the cells that are missing, seed by seed, and write what is known so far.

    Also when the time is up, or the user stops the run. `UsageError` where the source is none of
    the table's datasets.
    """
    sources = _sources(request.source, [block.dataset for block in table.blocks])
    blocks = [block for block in table.blocks if block.dataset in sources]
    cells = Cells(request.out / "cells", EFFORTS[request.scale], request.keep)
    limit = nullcontext() if request.minutes is None else deadline(60 * request.minutes)
    try:
        with limit:
            for block, config in _plan(blocks, request):
                cells.make(config, sources[block.dataset])
    except TimeIsUp:
        log.info("the time is up; the same command goes on")
    finally:
        report = _write(table, [_filled(table, block, cells, request) for block in blocks], request)
    return report


def pictures(table: Table, request: Request) -> dict[str, list[Pixels]]:
    """Per dataset and row: images and what was rebuilt of them, (2, N, S, S, 3), of seed 0."""
    sources = _sources(request.source, [block.dataset for block in table.blocks])
    cells = Cells(request.out / "cells", EFFORTS[request.scale], request.keep)
    shown: dict[str, list[Pixels]] = {}
    for block in table.blocks:
        for row in block.rows if block.dataset in sources else ():
            drawn = cells.pictures(_config(block, row, 0, request))
            if drawn is not None:
                shown.setdefault(block.dataset, []).append(drawn)
    return shown


def _sources(source: str, datasets: Sequence[str]) -> Mapping[str, str | None]:
    """Where the images of each dataset are."""
    if source == SYNTHETIC:
        return {SYNTHETIC: None}
    name, given, path = source.partition("=")
    if given and name in datasets:
        return {name: path}
    found = {name: str(Path(source) / name) for name in datasets if (Path(source) / name).is_dir()}
    if not found:
        known = ", ".join(dict.fromkeys(name for name in datasets if name != SYNTHETIC))
        raise UsageError(
            f"--data {source}: expected a folder that holds a folder for each dataset ({known}), "
            f"those of them that you have; or one of them as NAME=SOURCE; or {SYNTHETIC}"
        )
    return found


def _seeds(dataset: str, request: Request) -> range:
    return range(request.seeds or EFFORTS[request.scale].seeds.get(dataset, 2))


def _config(block: Block, row: Row, seed: int, request: Request) -> Config:
    effort = EFFORTS[request.scale]
    general = (*effort.changes, *effort.of_dataset.get(block.dataset, ()))
    return released_config(row.config, (*general, *row.changes, f"seed={seed}"))


def _plan(blocks: Sequence[Block], request: Request) -> Iterator[tuple[Block, Config]]:
    """One seed of every row before the next: a table that is stopped early is whole."""
    for seed in range(max(len(_seeds(block.dataset, request)) for block in blocks)):
        for block in blocks:
            for row in block.rows if seed in _seeds(block.dataset, request) else ():
                yield block, _config(block, row, seed, request)


def _filled(table: Table, block: Block, cells: Cells, request: Request) -> Filled:
    seeds = _seeds(block.dataset, request)
    runs = [list(_runs(block, row, cells, seeds, request)) for row in block.rows]
    lines = [
        line(row, done, seeds, table.measures) for row, done in zip(block.rows, runs, strict=True)
    ]
    first = next((done[0] for done in runs if done), None)
    track = track_of(table.measures[0])
    return Filled(
        dataset=block.dataset,
        title=block.title,
        lines=tuple(compared(block.rows, lines, runs, table.measures[0])),
        anchors=_anchors(first.cell.run(track).reports["test"]) if first else {},
        notes=block.notes,
    )


def _runs(
    block: Block, row: Row, cells: Cells, seeds: Sequence[int], request: Request
) -> Iterator[Run]:
    for seed in seeds:
        config = _config(block, row, seed, request)
        cell = cells.finished(config)
        if cell:
            yield Run(seed, config, cell, cells.values(config))


def _anchors(report: ScoreReport) -> dict[str, Number]:
    metric = report.headline.metric
    scores = {name: anchor[metric] for name, anchor in report.anchors.items() if metric in anchor}
    return {
        name: Number(value=score.value, low=score.low, high=score.high)
        for name, score in scores.items()
    }


def _write(table: Table, blocks: Sequence[Filled], request: Request) -> Report:
    seeds = range(max(len(_seeds(block.dataset, request)) for block in blocks))
    results: dict[str, Any] = {
        "measures": list(table.measures),
        "blocks": [block.model_dump(mode="json") for block in blocks],
        "notes": list(table.notes),
    }
    report = Report(
        experiment=table.name,
        scale=request.scale,
        seeds=tuple(seeds),
        versions={name: version(name) for name in VERSIONS},
        results=results,
    )
    write_text(request.out / f"{table.name}.json", report.to_json())
    write_text(
        request.out / f"{table.name}.md", "\n".join(_markdown(table, blocks, request)) + "\n"
    )
    picture = draw(table.measures[0], TITLES, [(block.title, block.lines) for block in blocks])
    write_text(request.out / f"{table.name}.svg", picture)
    return report


def _markdown(table: Table, blocks: Sequence[Filled], request: Request) -> Iterator[str]:
    yield f"# {table.name}, {request.scale} scale\n"
    yield (
        "Means over training seeds and test images with 95 % intervals over both (hierarchical "
        "bootstrap over subjects; with a single seed over images alone). The strongest attack of "
        "the fixed protocol was chosen on validation. Arrows say which way is better for the "
        "people in the images."
    )
    for block in blocks:
        yield from _section(table, block)
    yield from (f"- {note}" for note in table.notes)


def _section(table: Table, block: Filled) -> Iterator[str]:
    printed = [name for name in TITLES if any(name in one.paper for one in block.lines)]
    names = ("utility", *table.measures)
    head = ["method", *(TITLES[name] for name in names), "over undefended", "less? p (Holm)"]
    head += ["strongest attack", "seeds", *(f"paper: {TITLES[name]}" for name in printed)]
    yield f"\n## {block.title}\n"
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for one in block.lines:
        cells = [one.method, *(_number(one.numbers.get(name)) for name in names)]
        cells += [*_comparison(one), ", ".join(one.strongest) or "not run yet", _count(one)]
        cells += [f"{one.paper[name]:g}" if name in one.paper else "" for name in printed]
        yield f"| {' | '.join(cells)} |"
    n = max((one.n for one in block.lines), default=0)
    anchors = ", ".join(f"{name} {_number(score)}" for name, score in block.anchors.items())
    yield f"\nn = {n} test images. Without the activation: {anchors or 'not run yet'}.\n"
    yield from (f"- {note}" for note in block.notes)
    yield from _verdicts(block)


def _number(number: Number | None) -> str:
    if number is None:
        return "not run yet"
    return f"{number.value:.3f} ({number.low:.3f} to {number.high:.3f})"


def _comparison(one: Line) -> tuple[str, str]:
    if one.compared is None:
        return "", ""
    c = one.compared
    ratio = f"{c.ratio:.3f} ({c.low:.3f} to {c.high:.3f})"
    return ratio, f"{'yes' if c.less else 'no'}, {c.p_adjusted:.3f}"


def _count(one: Line) -> str:
    asked = len(one.seeds) + len(one.missing)
    return f"{len(one.seeds)} of {asked}"


def _verdicts(block: Filled) -> Iterator[str]:
    """Say where a defense has not been shown to leak less than the row it stands beside."""
    idle = [one.method for one in block.lines if one.compared and not one.compared.less]
    if idle:
        yield f"- Not shown to leak less than the undefended network: {'; '.join(idle)}."
