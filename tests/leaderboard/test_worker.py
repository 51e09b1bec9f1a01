"""The worker, as a process: whatever happens to it, each submission is scored exactly once."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select

from leakboard.evaluate import score
from leakboard.leaderboard import Board
from leakboard.leaderboard.desk import jobs
from leakboard.leaderboard.desk.desk import Desk, User
from leakboard.leaderboard.desk.intake import submit
from leakboard.leaderboard.desk.likeness import Likeness
from leakboard.leaderboard.desk.mine import submissions_of
from leakboard.leaderboard.desk.tables import EVENTS
from leakboard.leaderboard.worker.helpers import Helpers, releases_in
from leakboard.leaderboard.worker.rescore import rescore
from leakboard.schemas import Release, ScoreReport

from ..submitting import submit_drawn, write_declaration, write_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]
WORKER = [sys.executable, "-c", "from leakboard.cli import main; main()", "worker"]
MANY = ["--losses", "1000"]  # kills from outside are no submission's fault
SUBMISSIONS, KILLS = 20, 30


def filled(board: Path, release: Release, count: int) -> tuple[Desk, User]:
    """A desk on which so many submissions wait."""
    desk = Desk.set_up(board)
    user = desk.user_of(desk.issue_token("ada", daily=count + 1))
    folder = board.with_name(f"{board.name}-files")
    folder.mkdir()
    for seed in range(count):
        submit_drawn(desk, user, release, folder, seed)
    return desk, user


@contextmanager
def working(desk: Desk, release: Release, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [*WORKER, "--board", str(desk.board), "--releases", str(release.folder)]
    process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def drain(desk: Desk, release: Release, *options: str) -> None:
    with working(desk, release, "--drain", *options) as process:
        assert process.wait(timeout=600) == 0


def reports(desk: Desk) -> dict[str, ScoreReport]:
    """The scores in the ledger, whose chain is whole, by the name of the submission."""
    return {
        desk.received(entry.submission).submission.name: entry.report
        for entry in desk.ledger()
        if entry.report is not None
    }


def bits(report: ScoreReport) -> str:
    """Every number, with the shortest text that only its own bits are read from."""
    return json.dumps(report.model_dump(mode="json"), sort_keys=True)


def events(desk: Desk) -> int:
    with desk.engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(EVENTS)) or 0


def killed(desk: Desk, release: Release, after: int, delay: float) -> None:
    """Start a worker and kill it some time after so many changes of state."""
    start = events(desk)
    with working(desk, release, "--lease", "1", *MANY) as process:
        deadline = time.monotonic() + 60
        while events(desk) < start + after and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)


def test_the_servers_score_is_the_local_one_to_the_last_bit(
    release: Release, tmp_path: Path
) -> None:
    desk, user = filled(tmp_path / "board", release, 1)
    drain(desk, release)
    (mine,) = submissions_of(desk, user)
    assert [line.state for line in mine.log] == ["received", "checking", "running", "scored"]
    local = score(release, tmp_path / "board-files" / "0.parquet")
    assert bits(reports(desk)[mine.name]) == bits(local)


def test_rescoring_finds_a_changed_score_file_and_entry(release: Release, tmp_path: Path) -> None:
    desk, user = filled(tmp_path / "board", release, 4)
    drain(desk, release)
    same, moved, shown, gone = (mine.id for mine in submissions_of(desk, user))
    desk.file_of(moved).write_bytes(desk.file_of(same).read_bytes())
    desk.file_of(gone).unlink()
    (path,) = [
        path for path in (desk.board / "results").iterdir() if shown in path.read_text("utf-8")
    ]
    (digits,) = re.findall(r'"metric": "top1",\s+"value": ([\d.]+)', path.read_text())[:1]
    path.write_text(path.read_text().replace(f'"value": {digits}', '"value": 0.99', 1))
    file = write_file(tmp_path / "wrong.parquet", release, 77)
    about = write_declaration(tmp_path / "wrong.toml")
    wrong = submit(desk, user, release, file, about, {}, private=True)
    assert wrong is not None
    report = reports(desk)["drawn 0"]
    forge(desk, wrong, report)

    helpers = Helpers(desk.folder)
    found = dict(rescore(desk, releases_in(release.folder), helpers, ()))
    helpers.close()
    problems = {name: [one.problem for one in several] for name, several in found.items()}
    assert problems[same] == []
    assert "is not the one that was scored" in problems[moved][0]
    assert "on the board, scores.top1.value: was " in problems[shown][0]
    assert "its file is gone" in problems[gone][0]
    exact = score(release, file).headline.value
    assert any(
        problem.startswith(f"scores.top1.value: was {report.headline.value}, is {exact}")
        for problem in problems[wrong]
    )


def forge(desk: Desk, submission_id: str, report: ScoreReport) -> None:
    """Enter another's scores for a submission, as a scorer that is wrong would."""
    job = jobs.claim(desk, submission_id, 60)
    assert job is not None
    likeness = Likeness(content="f" * 64, sample="00")
    assert jobs.begin_scoring(desk, job, likeness)
    jobs.score_of(desk, job, report)


def test_a_worker_killed_at_thirty_random_moments_scores_everything_exactly_once(
    release: Release, tmp_path: Path
) -> None:
    undisturbed, _ = filled(tmp_path / "undisturbed", release, SUBMISSIONS)
    with working(undisturbed, release, "--drain") as one, working(undisturbed, release) as two:
        assert one.wait(timeout=600) == 0
        assert two.poll() is None
    desk, user = filled(tmp_path / "killed", release, SUBMISSIONS)
    moments = random.Random(0)
    for _ in range(KILLS):
        killed(desk, release, moments.randrange(4), moments.uniform(0, 0.3))
    losses = Counter(line.message for mine in submissions_of(desk, user) for line in mine.log)
    drain(desk, release, "--lease", "1", *MANY)
    assert losses["its worker was lost; in the queue again"] >= 5  # kills struck in mid-job
    assert {mine.state for mine in submissions_of(desk, user)} == {"scored"}
    assert Counter(entry.event for entry in desk.ledger()) == {
        "received": SUBMISSIONS,
        "scored": SUBMISSIONS,
    }
    assert reports(desk) == reports(undisturbed)
    rows = [Board.open(board.board).rows() for board in (desk, undisturbed)]
    shown = [{row.submission.name: row.report for row in found if row.submission} for found in rows]
    assert len(shown[0]) == SUBMISSIONS
    assert shown[0] == shown[1]


def test_a_submission_that_ends_its_process_is_parked_and_the_next_one_scored(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The checker is killed from outside as soon as it is asked, three times."""
    desk, user = filled(tmp_path / "board", release, 2)
    path = tmp_path / "site"
    path.mkdir()
    (path / "sitecustomize.py").write_text(SABOTAGE)
    first = submissions_of(desk, user)[0]
    monkeypatch.setenv("PYTHONPATH", str(path))
    monkeypatch.setenv("STRUCK", first.id)
    drain(desk, release)
    parked, scored = submissions_of(desk, user)
    assert (parked.state, scored.state) == ("failed", "scored")
    assert parked.log[-1].message == "parked: it ended with exit code -9, 3 times in all"
    assert os.listdir(desk.folder / "logs")


SABOTAGE = """
import os, signal, sys
import leakboard.leaderboard.desk.check as check
honest = check.check
def struck(release, declared, file):
    if file.stem == os.environ["STRUCK"]:
        os.kill(os.getpid(), signal.SIGKILL)
    return honest(release, declared, file)
if sys.argv == ["-c", sys.argv[-1]]:
    check.check = struck
"""
