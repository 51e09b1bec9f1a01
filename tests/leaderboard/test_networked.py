"""The desk in PostgreSQL, a real one: the same queue for workers on several machines."""

import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakboard.leaderboard.desk.desk import Desk
from leakboard.leaderboard.desk.mine import submissions_of, withdraw
from leakboard.schemas import Release

from ..submitting import submit_drawn
from .test_worker import bits, drain, reports, working

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
SUBMISSIONS = 8


def tool(name: str) -> str:
    """Debian keeps the server's tools off the path."""
    folders = [str(folder) for folder in Path("/usr/lib/postgresql").glob("*/bin")]
    found = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if found is None and os.environ.get("CI"):
        pytest.fail("PostgreSQL is not installed")
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    return found


@pytest.fixture
def database(tmp_path: Path) -> Iterator[str]:
    """The URL of a server of this test's own, reached by a socket in a folder."""
    folder = Path("/tmp") / f"leakboard-{os.getpid()}"  # a socket's path must be short
    initdb, control = tool("initdb"), tool("pg_ctl")
    owner = "postgres" if os.geteuid() == 0 else None  # the server refuses to run as root
    folder.mkdir(mode=0o700)
    if owner:
        shutil.chown(folder, owner)

    def run(*command: str) -> None:
        subprocess.run(command, check=True, user=owner, cwd=folder, stdout=subprocess.DEVNULL)

    try:
        run(initdb, "--auth=trust", "--username=leakboard", "--no-sync", str(folder / "data"))
        options = f"-k {folder} -c listen_addresses= -c fsync=off"
        run(control, "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "start")
        yield f"postgresql+psycopg://leakboard@/postgres?host={folder}"
        run(control, "-D", str(folder / "data"), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder)


def test_two_workers_share_the_submissions_of_a_networked_desk(
    database: str, release: Release, tmp_path: Path
) -> None:
    desk = Desk.set_up(tmp_path / "networked", database)
    local = Desk.set_up(tmp_path / "local")
    for one in (desk, local):
        user = one.user_of(one.issue_token("ada", daily=SUBMISSIONS + 1))
        for seed in range(SUBMISSIONS):
            submit_drawn(one, user, release, tmp_path, seed)
    withdraw(desk, user, submit_drawn(desk, user, release, tmp_path, SUBMISSIONS))
    with working(desk, release, "--database", database):
        drain(desk, release, "--database", database)
    drain(local, release)
    assert Counter(entry.event for entry in desk.ledger()) == {
        "received": SUBMISSIONS + 1,
        "withdrawn": 1,
        "scored": SUBMISSIONS,
    }
    found, expected = reports(desk), reports(local)
    assert {name: bits(found[name]) for name in found} == {
        name: bits(expected[name]) for name in expected
    }
    states = [mine.state for mine in submissions_of(desk, user)]
    assert states == ["scored"] * SUBMISSIONS + ["withdrawn"]
    assert len(desk.shown().rows()) == SUBMISSIONS
    assert not (desk.board / "index.sqlite").exists()
    assert not (desk.folder / "desk.sqlite").exists()
    assert not (desk.folder / "queue.sqlite").exists()
