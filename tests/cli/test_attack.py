"""`leakboard attack` on both splits: trained once, the same files as one by one."""

from pathlib import Path

import pytest

from leakboard.evaluate.attacks.linear_probe import LinearProbe
from leakboard.evaluate.reading.records import Records
from leakboard.schemas import Release

from .conftest import Run

BOTH = ("--split", "test", "--out", "test.parquet", "--split", "validation", "--out", "v.parquet")


def test_two_splits_are_predicted_by_one_training(
    run: Run, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[int] = []
    fit = LinearProbe.fit

    def counted(attack: LinearProbe, auxiliary: Records) -> None:
        trained.append(len(auxiliary))
        fit(attack, auxiliary)

    monkeypatch.setattr(LinearProbe, "fit", counted)
    monkeypatch.chdir(tmp_path)
    attack = ("attack", "linear_probe", release.folder)
    assert run(*attack, "--out", "one.parquet").code == 0
    assert run(*attack, "--split", "test", "--out", "another.parquet").code == 0
    ran = run(*attack, *BOTH)
    assert ran.code == 0
    assert len(trained) == 2 + 1
    assert [line.split(": ")[0] for line in ran.out.splitlines()] == ["test.parquet", "v.parquet"]
    for both, alone in (("test", "another"), ("v", "one")):
        assert Path(f"{both}.parquet").read_bytes() == Path(f"{alone}.parquet").read_bytes()


@pytest.mark.parametrize("files", [("a",), ("a", "b", "c"), ("a", "a")])
def test_each_split_has_a_file_of_its_own(
    run: Run, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: tuple[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    asked = ("--split", "test", "--split", "validation")
    ran = run("attack", "prior", release.folder, *asked, *(p for f in files for p in ("--out", f)))
    assert (ran.code, "give one --out for each --split" in ran.sentence) == (2, True)
    assert not list(tmp_path.iterdir())
