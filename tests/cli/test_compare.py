"""`leakboard compare`: a sentence for people, one object for programs."""

import json
from pathlib import Path

import pytest

from leakboard.evaluate import fit_attack
from leakboard.schemas import Release

from .conftest import Run


@pytest.fixture
def files(release: Release, tmp_path: Path) -> tuple[Path, Path]:
    names = ("prior", "nearest_neighbour")
    for name in names:
        fit_attack(release, name, {}).predict("test").write(tmp_path / f"{name}.parquet")
    return tmp_path / "prior.parquet", tmp_path / "nearest_neighbour.parquet"


def test_a_table_names_both_and_gives_a_verdict(
    run: Run, release: Release, files: tuple[Path, Path]
) -> None:
    said = run("compare", release.folder, *files).out.splitlines()
    assert "paired on the same images" in said[0]
    assert said[1].split()[3:5] == ["prior", "nearest_neighbour"]
    assert all(line.endswith(("tied", "leaks more")) for line in said[2:])


def test_the_same_file_twice_is_tied(run: Run, release: Release, files: tuple[Path, Path]) -> None:
    report = json.loads(run("compare", release.folder, files[0], files[0], "--json").out)
    assert {(one["p"], one["tied"]) for one in report["metrics"].values()} == {(1.0, True)}


def test_without_the_truth_nothing_is_compared(
    run: Run, release: Release, files: tuple[Path, Path], tmp_path: Path
) -> None:
    ran = run("compare", release.folder, *files, "--truth", tmp_path / "nowhere")
    assert ran.code == 2
    assert "name it with --truth DIR" in ran.sentence
