"""Tables of the paper: their recipes, their arithmetic, and a small one from end to end."""

import json
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from filelock import FileLock

from leakboard.evaluate.attacks.decoder import Decoder
from leakboard.experiments import (
    Request,
    _cells,
    _tables,
    convergence,
    figure3,
    figure4,
    figure6,
    reproduce,
    table1,
    table2,
    table3,
)
from leakboard.experiments._cells import Cell, Cells
from leakboard.experiments._estimates import Run
from leakboard.experiments._protocol import EFFORTS
from leakboard.experiments._rows import Table
from leakboard.experiments._sheet import HEAD, sheet
from leakboard.experiments._values import keep_values, read_values
from leakboard.generate import defenses
from leakboard.schemas import Config, UsageError
from leakboard.schemas.config import Scale

TABLES = [module.TABLE for module in (table1, table2, table3, figure3, figure4, figure6)]
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
each_scale = pytest.mark.parametrize("scale", EFFORTS)


def asked(scale: Scale, out: Path, source: str = "synthetic") -> Request:
    return Request(source, scale, out)


def configs(table: Table, request: Request) -> list[list[Config]]:
    return [
        [_tables._config(block, row, 0, request) for row in block.rows] for block in table.blocks
    ]


@each_table
@each_scale
def test_every_row_is_a_recipe_of_its_own_beside_an_undefended_one(
    table: Table, scale: Scale, tmp_path: Path
) -> None:
    for block, made in zip(table.blocks, configs(table, asked(scale, tmp_path)), strict=True):
        assert len({config.config_id for config in made}) == len(made)
        assert {config.scale for config in made} == {scale}
        of = {row.method: config for row, config in zip(block.rows, made, strict=True)}
        for row in block.rows:
            beside, mine = of[row.beside], of[row.method]
            assert beside.defense.name == "none"
            assert beside.client == mine.client
            assert beside.dataset == mine.dataset
            assert beside.dataset.name == block.dataset
            defenses.REGISTRY.create(mine.defense.name, mine.defense.options)


@each_scale
def test_tables_share_their_cells(scale: Scale, tmp_path: Path) -> None:
    request = asked(scale, tmp_path)
    cells = Cells(tmp_path, EFFORTS[scale], keep=False)

    def folders(table: Table) -> set[Path]:
        return {cells.of(config) for block in configs(table, request) for config in block}

    assert folders(figure6.TABLE) < folders(table2.TABLE)
    assert folders(table1.TABLE) < folders(table2.TABLE)
    assert folders(figure4.TABLE) & folders(table1.TABLE)


def test_longer_attacks_are_on_the_same_releases_in_cells_of_their_own(tmp_path: Path) -> None:
    request = asked("reduced", tmp_path)
    for block in convergence.TABLE.blocks:
        half = len(block.rows) // 2
        for once, twice in zip(block.rows[:half], block.rows[half:], strict=True):
            made = [_tables._config(block, row, 0, request) for row in (once, twice)]
            assert made[0] == made[1]
            assert (once.beside, twice.beside) == (block.rows[0].method, block.rows[half].method)
            here, there = (_tables._cells(row, request) for row in (once, twice))
            assert there.effort.decoder_epochs == 2 * here.effort.decoder_epochs
            assert here.of(made[0]).parent != there.of(made[0]).parent
            assert here.of(made[0]).name != there.of(made[0]).name


def test_another_default_or_generation_makes_another_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ((config, *_), *_) = configs(table1.TABLE, asked("smoke", tmp_path))
    cells = Cells(tmp_path, EFFORTS["smoke"], keep=False)
    names = [cells.of(config)]
    defaults = Decoder.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "augment", not defaults["augment"])
    names.append(cells.of(config))
    monkeypatch.setattr(_cells, "GENERATION", _cells.GENERATION + 1)
    names.append(cells.of(config))
    assert len(set(names)) == 3


def test_the_papers_l1_exceeds_what_its_own_psnr_allows() -> None:
    """l1 is at most the root mean square error: by Jensen's inequality."""
    printed = {31.58: 108.82, 20.49: 123.33, 11.61: 125.34}  # PSNR in dB, l1 in grey levels
    errors = [255 * 10 ** (-decibels / 20) for decibels in printed]
    assert errors == pytest.approx([6.7, 24.1, 67.0], abs=0.05)
    assert all(error < l1 for error, l1 in zip(errors, printed.values(), strict=True))


def test_a_source_is_a_folder_of_datasets_one_of_them_or_drawn(tmp_path: Path) -> None:
    names = ["cifar10", "celeba", "synthetic"]
    (tmp_path / "celeba").mkdir()
    assert _tables._sources(str(tmp_path), names) == {"celeba": str(tmp_path / "celeba")}
    assert _tables._sources("cifar10=org/name", names) == {"cifar10": "org/name"}
    assert _tables._sources("synthetic", names) == {"synthetic": None}
    with pytest.raises(UsageError, match="a folder for each dataset"):
        _tables._sources("elsewhere", names)


def test_an_experiment_of_one_run_refuses_seeds(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="leave out --seeds"):
        reproduce("hcr", Request("cifar10", "smoke", tmp_path, seeds=2))


def test_a_cell_that_another_process_works_on_is_left_to_it(tmp_path: Path) -> None:
    cells = Cells(tmp_path / "cells", EFFORTS["smoke"], keep=False)
    ((config, *_), *_) = configs(table3.TABLE, asked("smoke", tmp_path))
    cells.folder.mkdir()
    with FileLock(f"{cells.of(config)}.lock"):
        cells.make(config, None)
    assert cells.finished(config) is None


def test_cells_from_different_copies_of_the_images_are_refused(tmp_path: Path) -> None:
    block, request = table1.TABLE.blocks[0], asked("smoke", tmp_path)
    runs = [
        Run(0, None, Cell.model_construct(images=name), pa.table({}), {})  # type: ignore[arg-type]
        for name in ("images-1.parquet", "images-2.parquet")
    ]
    _tables._refuse_other_images(block, runs[:1], request)
    with pytest.raises(UsageError, match="different copies of the data"):
        _tables._refuse_other_images(block, runs, request)


def test_a_table_names_every_version_that_made_its_cells() -> None:
    runs = [
        Run(seed, None, None, pa.table({}), {"torch": torch, "numpy": "2.4"})  # type: ignore[arg-type]
        for seed, torch in enumerate(("2.15", "2.14", "2.15"))
    ]
    assert _tables._versions(runs) == {"numpy": "2.4", "torch": "2.14, 2.15"}


def test_a_sheet_magnifies_images_below_their_names() -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    both = sheet({"input": images, "DISCO, R = 0.6": images[::-1]})
    assert both.shape == (HEAD + 3 * 128, 2 * 128, 3)
    assert np.array_equal(both[HEAD::4, :128:4].reshape(3, 32, 32, 3), images)
    assert np.array_equal(both[HEAD::4, 128::4].reshape(3, 32, 32, 3), images[::-1])
    one, two = both[:HEAD, :128], both[:HEAD, 128:]
    assert (one < 255).any(axis=(1, 2)).sum() < (two < 255).any(axis=(1, 2)).sum()  # two lines


def test_values_come_back_as_they_were(tmp_path: Path) -> None:
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
    measured = {"ssim": [0.5, 0.25], "top1": [1.0, 0.0]}
    table = pa.table({"image": ["aa", "bb"], "subject": ["x", "y"], **measured})
    assert read_values(tmp_path / "one", keep_values(tmp_path / "one", table)).equals(table)
    assert keep_values(tmp_path / "other", table.slice(1)) != keep_values(tmp_path / "other", table)


@pytest.mark.slow
def test_a_table_is_stopped_taken_up_and_filled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = asked("smoke", tmp_path)
    attacked, done = _cells._attacked, 0

    def stop_in_the_second_cell(*arguments: object) -> object:
        nonlocal done
        done += 1
        if done == 5:
            raise KeyboardInterrupt
        return attacked(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(_cells, "_attacked", stop_in_the_second_cell)
    with pytest.raises(KeyboardInterrupt):
        reproduce("table3", request)
    monkeypatch.undo()
    (block,) = json.loads((tmp_path / "table3.json").read_bytes())["results"]["blocks"]
    assert [len(line["seeds"]) for line in block["lines"]] == [1, 0, 0]
    assert "not run yet" in (tmp_path / "table3.md").read_text()

    report = reproduce("table3", request)
    (block,) = report.results["blocks"]
    none, *discos = block["lines"]
    for line in (none, *discos):
        utility = line["numbers"]["utility"]
        assert utility["low"] <= utility["value"] <= utility["high"]
        assert not line["missing"]
    assert none["compared"] is None
    assert all(line["compared"]["p_adjusted"] is None for line in discos)  # of single runs
    ratios = [line["compared"]["ratio"] for line in discos]
    assert all(ratio["low"] <= ratio["value"] for ratio in ratios)
    cells = sorted((tmp_path / "cells").glob("*/cell.json"))
    assert len(cells) == 3
    left = {path.name for cell in cells for path in cell.parent.rglob("*") if path.is_file()}
    known = {"cell.json", "values.parquet", "pictures.npy", "manifest.json", "measurements.json"}
    assert left == known
    assert len(list((tmp_path / "trainings").iterdir())) == 1

    kept = [values for _, _, values in _cells.entries(tmp_path / "cells") if values is not None]
    assert len(kept) == 3 * 2  # the strongest attack of both tracks, on test
    for release, scored, values in _cells.entries(tmp_path / "cells"):
        assert release.manifest.fingerprint == scored.fingerprint
        if values is not None:
            assert values.value.mean() == pytest.approx(scored.headline.value)

    shutil.copytree(tmp_path / "cells", tmp_path / "elsewhere" / "cells")
    assert reproduce("table3", replace(request, out=tmp_path / "elsewhere")) == report

    before = [path.stat().st_mtime_ns for path in cells]
    assert reproduce("table3", request) == report
    assert [path.stat().st_mtime_ns for path in cells] == before
    (drawn,) = _tables.pictures(table3.TABLE, request).values()
    assert list(drawn) == [row.method for row in table3.TABLE.blocks[-1].rows]
    shown = list(drawn.values())
    assert all(np.array_equal(a[0], b[0]) for a, b in pairwise(shown))  # of the same images
