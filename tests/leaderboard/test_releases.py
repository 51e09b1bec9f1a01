"""The releases that a board is about."""

from collections.abc import Callable
from pathlib import Path

import pytest

from leakboard.leaderboard import Board, enter
from leakboard.leaderboard.store.releases import RELEASE_COLUMNS, listed, loading
from leakboard.leaderboard.tables.table import table
from leakboard.schemas import LeaderboardRow, Release

MakeRow = Callable[..., LeaderboardRow]


def test_a_board_says_of_a_release_what_its_manifest_says(
    release: Release, tmp_path: Path, make_row: MakeRow
) -> None:
    manifest = release.manifest
    report = make_row("none", (0.5, 0.4, 0.6)).report.model_copy(
        update={"fingerprint": manifest.fingerprint, "release": manifest.name}
    )
    enter(tmp_path, release, report)
    enter(tmp_path, release, report.model_copy(update={"attack": "other"}))
    (one,) = listed(tmp_path, Board.open(tmp_path).rows())
    assert (one.manifest, one.entries, one.name) == (manifest, 2, manifest.name)
    on_disk = sum(p.stat().st_size for p in release.folder.rglob("*") if p.is_file())
    assert one.megabytes == pytest.approx(on_disk / 1e6, abs=0.2)
    assert one.records("test") == manifest.splits["test"].records


def test_of_a_release_without_manifest_only_the_entries_are_known(
    tmp_path: Path, make_row: MakeRow
) -> None:
    (row,) = table(
        RELEASE_COLUMNS, listed(tmp_path, [make_row("disco", (0.5, 0.4, 0.6))])
    ).to_pylist()
    assert (row["Release"], row["Defense"], row["Entries"]) == ("synthetic-disco", "disco", 1)
    assert row["Size (MB)"] is row["Licence"] is row["Test records"] is None


def test_the_code_shown_loads_the_release(
    release: Release, tmp_path: Path, make_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    name = "a release"
    report = make_row("none", (0.5, 0.4, 0.6)).report.model_copy(
        update={"fingerprint": release.manifest.fingerprint, "release": name}
    )
    enter(tmp_path / "board", release, report)
    (tmp_path / name).symlink_to(release.folder)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (one,) = listed(tmp_path / "board", Board.open(tmp_path / "board").rows())
    found: dict[str, object] = {}
    exec(compile(loading(one), "the page", "exec"), found)
    shape = getattr(found["activation"], "shape", None)
    assert shape == release.manifest.client.activation_shape
