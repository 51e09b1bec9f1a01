"""Fill a table cell by cell, and put our numbers beside the paper's: Markdown, JSON and a plot."""

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from itertools import chain
from pathlib import Path
from typing import Any

from ..evaluate.deadline import TimeIsUp, deadline
from ..schemas import Config, Track, UsageError
from ..schemas.files import write_text
from . import Report, Request
from ._asking import asking
from ._cells import Cells
from ._configs import released_config
from ._estimates import Run, compared, line, scatters, track_of
from ._images import Pixels
from ._page import TITLES, markdown
from ._plots import draw
from ._protocol import EFFORTS
from ._rows import Block, Filled, Number, Row, Table

log = logging.getLogger(__name__)
Rows = Sequence[Sequence[Run]]  # of a block: the finished cells of each row
SYNTHETIC = "synthetic"  # drawn faces in the place of all datasets


def fill(table: Table, request: Request) -> Report:
    """Run the cells that are missing, seed by seed, and write what is known so far.

    Also when the time is up, or the user stops the run. `UsageError` where the source is none of
    the table's datasets.
    """
    sources = _sources(request.source, [block.dataset for block in table.blocks])
    blocks = [block for block in table.blocks if block.dataset in sources]
    limit = nullcontext() if request.minutes is None else deadline(60 * request.minutes)
    try:
        with limit:
            for block, row, config in _plan(blocks, request):
                _cells(row, request).make(config, sources[block.dataset])
    except TimeIsUp:
        log.info("the time is up; the same command goes on")
    finally:
        done = {block.title: _done(block, request) for block in blocks}
        filled = [_filled(table, block, done[block.title], request) for block in blocks]
        versions = _versions(chain.from_iterable(chain.from_iterable(done.values())))
        report = _write(table, filled, versions, request)
    return report


def pictures(table: Table, request: Request) -> dict[str, dict[str, Pixels]]:
    """Per dataset and row: images and what was rebuilt of them, (2, N, S, S, 3).

    Of the first training seed that has them; the images are the same in all.
    """
    sources = _sources(request.source, [block.dataset for block in table.blocks])
    shown: dict[str, dict[str, Pixels]] = {}
    for block in table.blocks:
        for row in block.rows if block.dataset in sources else ():
            drawn = next(_pictured(block, row, request), None)
            if drawn is not None:
                shown.setdefault(block.dataset, {})[row.method] = drawn
    return shown


def _pictured(block: Block, row: Row, request: Request) -> Iterator[Pixels]:
    """The pictures of each training seed that has some."""
    for seed in _seeds(block.dataset, request):
        drawn = _cells(row, request).pictures(_config(block, row, seed, request))
        if drawn is not None:
            yield drawn


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


def _cells(row: Row, request: Request) -> Cells:
    """Where the cells of a row are: on a board, longer attacks would single out their defenses."""
    name = "cells" if row.times == 1 else f"cells-{row.times}x"
    return Cells(request.out / name, EFFORTS[request.scale].longer(row.times), request.keep)


def _plan(blocks: Sequence[Block], request: Request) -> Iterator[tuple[Block, Row, Config]]:
    """One seed of every row before the next: a table that is stopped early is whole."""
    for seed in range(max(len(_seeds(block.dataset, request)) for block in blocks)):
        for block in blocks:
            for row in block.rows if seed in _seeds(block.dataset, request) else ():
                yield block, row, _config(block, row, seed, request)


def _filled(table: Table, block: Block, runs: Rows, request: Request) -> Filled:
    seeds = _seeds(block.dataset, request)
    first, scatter = table.measures[0], scatters(runs, table.measures)
    lines = [
        line(row, done, seeds, first, scatter) for row, done in zip(block.rows, runs, strict=True)
    ]
    return Filled(
        dataset=block.dataset,
        title=block.title,
        lines=tuple(compared(block.rows, lines, runs, first, scatter[first])),
        anchors=_anchors(list(chain.from_iterable(runs)), track_of(first)),
        asking=asking(block.rows, runs, first),
        notes=block.notes,
    )


def _refuse_other_images(block: Block, runs: Sequence[Run], request: Request) -> None:
    """Rows are compared image by image."""
    found = sorted({run.cell.images for run in runs})
    if len(found) > 1:
        raise UsageError(
            f"{request.out}: expected cells of {block.dataset} with the same test images, but got "
            f"{' and '.join(found)}: they were made from different copies of the data; use another "
            "--out for each copy"
        )


def _done(block: Block, request: Request) -> Rows:
    """The finished cells of each row."""
    seeds = _seeds(block.dataset, request)
    rows = [list(_runs(block, row, seeds, request)) for row in block.rows]
    _refuse_other_images(block, list(chain.from_iterable(rows)), request)
    return rows


def _runs(block: Block, row: Row, seeds: Sequence[int], request: Request) -> Iterator[Run]:
    cells = _cells(row, request)
    for seed in seeds:
        config = _config(block, row, seed, request)
        cell = cells.finished(config)
        if cell:
            yield Run(seed, config, cell, cells.values(cell), cells.versions(cell))


def _anchors(runs: Sequence[Run], track: Track) -> dict[str, Number]:
    """Guesses on the same images, and what read the images themselves; of the first seed."""
    if not runs:
        return {}
    report = runs[0].cell.run(track).reports["test"]
    metric = report.headline.metric
    scores = {name: anchor[metric] for name, anchor in report.anchors.items() if metric in anchor}
    reports = [one.reports["test"] for run in runs for one in run.cell.runs]
    ceilings = [one for one in reports if one.ceiling and one.track is track]
    scores |= {one.attack: one.headline for one in reversed(ceilings)}
    return {
        name: Number(value=score.value, low=score.low, high=score.high)
        for name, score in scores.items()
    }


def _versions(runs: Iterable[Run]) -> dict[str, str]:
    """What the releases were made with: every version, where there were several."""
    found: dict[str, set[str]] = {}
    for run in runs:
        for name, version in run.versions.items():
            found.setdefault(name, set()).add(version)
    return {name: ", ".join(sorted(versions)) for name, versions in sorted(found.items())}


def _write(
    table: Table, blocks: Sequence[Filled], versions: dict[str, str], request: Request
) -> Report:
    seeds = range(max(len(_seeds(block.dataset, request)) for block in blocks))
    results: dict[str, Any] = {
        "measures": list(table.measures),
        "beside": table.beside,
        "blocks": [block.model_dump(mode="json") for block in blocks],
        "notes": list(table.notes),
    }
    report = Report(
        experiment=table.name,
        scale=request.scale,
        seeds=tuple(seeds),
        versions=versions,
        results=results,
    )
    write_text(request.out / f"{table.name}.json", report.to_json())
    write_text(
        request.out / f"{table.name}.md", "\n".join(markdown(table, blocks, request.scale)) + "\n"
    )
    picture = draw(table.measures[0], TITLES, [(block.title, block.lines) for block in blocks])
    write_text(request.out / f"{table.name}.svg", picture)
    return report
