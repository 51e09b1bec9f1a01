"""`leakboard judge`, and scores with a judge."""

import json
from pathlib import Path

import pytest

from leakboard.schemas import Release

from .conftest import Run


def test_a_judge_is_trained_and_asked(run: Run, release: Release, tmp_path: Path) -> None:
    judge, rebuilt = tmp_path / "mine.safetensors", tmp_path / "p.parquet"
    ran = run("judge", release.folder, "--out", judge, "--epochs", 2, "--split", "auxiliary")
    assert ran.code == 0
    assert "validation, unchanged images: rank1 " in ran.out
    assert "n = 15 probes" in ran.out
    run("attack", "prior", release.folder, "--out", rebuilt, "--set", "track=reconstruction")
    ran = run("score", release.folder, rebuilt, "--judge", judge)
    assert "looked for 15 probes in a gallery of 5 people: rank1 at chance is 0.2000" in ran.out
    report = json.loads(run("score", release.folder, rebuilt, "--judge", judge, "--json").out)
    assert report["judges"][0]["name"] == "mine"
    assert report["scores"]["rank1"]["n"] == 15
    assert set(report["missing"]) >= {"tar_at_far"}
    report = json.loads(run("score", release.folder, rebuilt, "--json").out)
    assert report["missing"]["rank1"] == "no judge was given: --judge FILE"


@pytest.mark.parametrize("split", ["test", "validation"])
def test_a_judge_does_not_learn_whom_it_judges(
    run: Run, release: Release, tmp_path: Path, split: str
) -> None:
    out = tmp_path / "mine.safetensors"
    ran = run("judge", release.folder, "--out", out, "--split", split)
    assert ran.code == 2
    assert f"'{split}' is not one of 'defender', 'auxiliary'" in ran.err
    assert not out.exists()


def test_a_judge_that_is_not_there(run: Run, release: Release, tmp_path: Path) -> None:
    rebuilt = tmp_path / "p.parquet"
    run("attack", "prior", release.folder, "--out", rebuilt, "--set", "track=reconstruction")
    ran = run("score", release.folder, rebuilt, "--judge", tmp_path / "no.safetensors")
    assert ran.code == 2
    assert "there is no such judge; train one with `leakboard judge" in ran.sentence
