"""Hostile prediction files against a whole desk: each comes to an end, and the rest goes on."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from leakboard.leaderboard import Board
from leakboard.leaderboard.desk.desk import Desk, User
from leakboard.leaderboard.desk.intake import receive
from leakboard.leaderboard.desk.mine import submissions_of
from leakboard.leaderboard.desk.tables import State
from leakboard.schemas import Release, Submission, answers, default_truth

from ..submitting import DECLARED, submit_drawn
from .predictions import CANARY, CASES, Case

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
WORKER = [sys.executable, "-c", "from leakboard.cli import main; main()", "worker", "--drain"]
ALLOWED = {name: case for name, case in CASES.items() if not case.declared or case.end is None}


@pytest.fixture
def own_release(release: Release, tmp_path: Path) -> Release:
    """A copy of the release whose truth holds a file that nobody has any business with."""
    folder = tmp_path / "out" / "tiny"
    shutil.copytree(release.folder, folder)
    shutil.copytree(default_truth(release.folder), default_truth(folder))
    return Release.open(folder)


def canary(release: Release) -> Path:
    path = default_truth(release.folder) / "canary.parquet"
    path.write_text(CANARY)
    os.utime(path, (0, path.stat().st_mtime))
    return path


def lay(desk: Desk, user: User, release: Release, case: Case, file: Path, name: str) -> str:
    """Put a file on the desk as it is, past all checks; what is no file takes another's place."""
    plain = stat.S_ISREG(file.lstat().st_mode)
    another = file.with_name(f"in place of {file.name}")
    another.write_text(name)  # no two alike: the same file twice is one submission
    declared = Submission.of(DECLARED | case.declared | {"name": name})
    submitted = receive(
        desk,
        user,
        declared,
        file if plain else another,
        fingerprint=release.manifest.fingerprint,
        split="test",
        private=False,
    )
    if not plain:
        desk.file_of(submitted).unlink()
        file.rename(desk.file_of(submitted))
    return submitted


def test_every_one_comes_to_its_end_and_a_sound_one_is_scored_after_it(
    own_release: Release, tmp_path: Path
) -> None:
    secret = canary(own_release)
    desk = Desk.set_up(tmp_path / "board")
    user = desk.user_of(desk.issue_token("eve", daily=1000))
    laid = {}
    for number, (name, case) in enumerate(ALLOWED.items()):
        folder = tmp_path / "files" / str(number)
        folder.mkdir(parents=True)
        file = case.make(folder, own_release)
        laid[name] = lay(desk, user, own_release, case, file, f"case {number}")
    link = tmp_path / "canary.parquet"
    link.symlink_to(secret)
    case = Case(ALLOWED["nan"].make, end="not a plain file")
    laid["a link to the canary"] = lay(desk, user, own_release, case, link, "canary")
    last = submit_drawn(desk, user, own_release, tmp_path, 99)
    releases = str(own_release.folder.parent)
    command = [*WORKER, "--board", str(desk.board), "--releases", releases]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)

    mine = {one.id: one for one in submissions_of(desk, user)}
    for name, submitted in laid.items():
        taken = name in ALLOWED and ALLOWED[name].end is None
        end = State.SCORED if taken else State.REJECTED
        assert mine[submitted].state is end, (name, mine[submitted].log)
    assert mine[last].state is State.SCORED
    assert len(desk.ledger()) == 2 * len(mine)

    said = "\n".join([ran.stdout, ran.stderr, *(one.model_dump_json() for one in mine.values())])
    said += "\n".join(entry.content for entry in desk.ledger())
    published = [path.read_text() for path in (desk.board / "results").glob("*.json")]
    subjects = set(answers(own_release, "test", None).column("subject").to_pylist())
    for text in (said, *published):
        assert CANARY not in text
        assert not any(subject in text for subject in subjects)
    assert secret.stat().st_atime == 0
    assert {row.submission.id for row in Board.open(desk.board).rows() if row.submission} == {
        one.id for one in mine.values() if one.state is State.SCORED
    }
