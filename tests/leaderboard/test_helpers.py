"""The helpers of a worker: what a killed one leaves is swept, and what they are asked is known."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from leakboard.leaderboard import Desk, Helpers, releases_in, rescore
from leakboard.schemas import MissingData, Release


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of temporary files of its own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_what_a_killed_process_left_is_swept_and_nothing_else(
    temporary: Path, tmp_path: Path
) -> None:
    killed = subprocess.Popen(["sleep", "60"])
    killed.kill()
    killed.wait()
    running = Helpers(tmp_path)
    (kept,) = temporary.iterdir()
    left = kept.name.replace(str(os.getpid()), str(killed.pid))
    (temporary / left / "values").mkdir(parents=True)
    (temporary / "leakboard-of-another-kind").mkdir()
    assert len(list(temporary.iterdir())) == 3
    next_one = Helpers(tmp_path)
    names = {path.name for path in temporary.iterdir()}
    assert {kept.name, "leakboard-of-another-kind"} < names
    assert left not in names
    for helpers in (running, next_one):
        helpers.close()
    assert [path.name for path in temporary.iterdir()] == ["leakboard-of-another-kind"]


def test_rescoring_names_what_the_ledger_does_not_hold(release: Release, tmp_path: Path) -> None:
    desk, helpers = Desk.set_up(tmp_path / "board"), Helpers(tmp_path)
    asked = [f"s{number}" for number in range(7)]
    with pytest.raises(
        MissingData, match=r"7 of the 7 .*: 's0', 's1', 's2', 's3', 's4' and 2 more"
    ):
        list(rescore(desk, releases_in(release.folder), helpers, asked))
    helpers.close()
