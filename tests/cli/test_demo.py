"""The demo on a tiny release that an earlier run, stopped then, had finished."""

import importlib
from pathlib import Path

import pytest

from leakboard.leaderboard import Board
from leakboard.schemas import Release

from .conftest import Run

demo = importlib.import_module("leakboard.cli.demo")  # the package has the command of that name


def files(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.parquet")}


@pytest.mark.slow
def test_a_stopped_demo_goes_on_and_a_finished_one_is_shown_again(
    run: Run, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "CONFIGS", demo.CONFIGS[:1])
    monkeypatch.setattr(demo, "_config", lambda name: release.manifest.config)
    out = tmp_path / "demo"
    (out / "releases").mkdir(parents=True)
    for tail in ("", "-truth"):
        place = out / "releases" / f"{demo.CONFIGS[0]}{tail}"
        place.symlink_to(f"{release.folder}{tail}")
    whole = run("demo", "--out", out)
    assert (whole.code, "training and writing" in whole.err) == (0, False)
    rows, made = Board.open(out / "board").rows(), files(out / "predictions")
    assert len(rows) == len(made) == 2 * len(demo.ATTACKS)
    (out / "table.txt").unlink()
    lost = next(path for path in made if path.match("decoder*-test.parquet"))
    lost.unlink()
    went_on = run("demo", "--out", out)
    assert went_on.out == whole.out
    assert went_on.err.count("attacking with") == 1
    kept = files(out / "predictions")
    assert kept.keys() == made.keys()
    assert {path for path in kept if kept[path] != made[path]} == {
        path for path in made if path.match("decoder*")
    }
    assert len(Board.open(out / "board").rows()) == len(rows)
    again = run("demo", "--out", out)
    assert (again.out, "remove it for another" in again.err) == (whole.out, True)


@pytest.mark.parametrize("beside", [(), ("releases",)], ids=["alone", "beside releases"])
def test_a_folder_that_holds_something_else_is_left_alone(
    run: Run, tmp_path: Path, beside: tuple[str, ...]
) -> None:
    for name in beside:
        (tmp_path / name).mkdir()
    (tmp_path / "thesis.txt").write_text("done")
    ran = run("demo", "--out", tmp_path)
    assert (ran.code, "holds no demo, but something else" in ran.sentence) == (2, True)
    assert {path.name for path in tmp_path.iterdir()} == {"thesis.txt", *beside}


def test_the_demo_of_another_version_is_not_taken_up(
    run: Run, release: Release, tmp_path: Path
) -> None:
    (tmp_path / "releases").mkdir()
    (tmp_path / "releases" / demo.CONFIGS[0]).symlink_to(release.folder)
    ran = run("demo", "--out", tmp_path)
    assert (ran.code, "the demo of another version" in ran.sentence) == (2, True)
