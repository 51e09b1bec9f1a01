"""Models on a desk: the organiser runs them in the sandbox, and the board says that it did."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from leakboard.evaluate import SubmittedModel, reserve_score, score
from leakboard.evaluate.runners.exchange import Task
from leakboard.generate import generate
from leakboard.leaderboard import Desk, Helpers, User, releases_in, rescore, submissions_of, submit
from leakboard.leaderboard.desk.intake import receive
from leakboard.leaderboard.desk.publish import shown_reserve
from leakboard.leaderboard.desk.tables import State
from leakboard.schemas import BadSubmission, Release, Setting, Submission, Track
from leakboard.schemas.submission import Model

from ..submitting import DECLARED, submit_drawn, write_declaration
from ..tiny import untrained_config
from .onnx_files import endless, linear

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.usefixtures("sandbox")]
WORKER = [sys.executable, "-c", "from leakboard.cli import main; main()", "worker", "--drain"]


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk.set_up(tmp_path / "board")


@pytest.fixture
def eve(desk: Desk) -> User:
    return desk.user_of(desk.issue_token("eve"))


def task_of(release: Release) -> Task:
    manifest = release.manifest
    return Task(
        track=Track.ATTRIBUTE.value,
        activation=manifest.client.activation_shape,
        classes=len(manifest.sensitive.classes),
        side=manifest.dataset.image_size,
    )


def honest(path: Path, release: Release) -> Path:
    """A linear classifier with drawn weights."""
    task = task_of(release)
    weights = np.random.default_rng(0).normal(size=(np.prod(task.activation), task.classes))
    path.write_bytes(linear(task, weights.astype(np.float32)).SerializeToString())
    return path


def drain(desk: Desk, release: Release) -> None:
    releases = ["--board", str(desk.board), "--releases", str(release.folder)]
    subprocess.run([*WORKER, *releases], check=True, capture_output=True, timeout=500)


def test_a_model_is_run_scored_and_shown_as_verified(
    desk: Desk, eve: User, release: Release, tmp_path: Path
) -> None:
    model, about = honest(tmp_path / "m.onnx", release), write_declaration(tmp_path / "m.toml")
    assert submit(desk, eve, release, model, about, {}, dry_run=True) is None
    submitted = submit(desk, eve, release, model, about, {})
    assert submitted is not None
    declared = submit_drawn(desk, eve, release, tmp_path, 0)
    drain(desk, release)
    rows = {row.submission.id: row for row in desk.shown().rows() if row.submission}
    assert (rows[submitted].verified, rows[declared].verified) == (True, False)

    theirs = SubmittedModel(model, DECLARED["name"], Track.ATTRIBUTE, Setting.AUXILIARY, 72)
    theirs.predict(release, "test", seconds=60).write(tmp_path / "local.parquet")
    scored = {e.submission: e for e in desk.ledger() if e.report}
    assert scored[submitted].report == score(release, tmp_path / "local.parquet")
    assert scored[submitted].reserve == reserve_score(release, theirs, seconds=60)
    assert scored[declared].reserve is None
    helpers = Helpers(desk.folder)
    found = dict(rescore(desk, releases_in(release.folder), helpers, [submitted]))
    helpers.close()
    assert found == {submitted: []}


def test_a_model_is_run_on_the_reserve(desk: Desk, eve: User, tmp_path: Path) -> None:
    generate(untrained_config("none", images=400, identities=400), tmp_path / "many")
    many = Release.open(tmp_path / "many")
    model, about = honest(tmp_path / "m.onnx", many), write_declaration(tmp_path / "m.toml")
    submitted = submit(desk, eve, many, model, about, {"auxiliary_records": 120})
    drain(desk, many)
    (row,) = desk.shown().rows()
    theirs = SubmittedModel(model, DECLARED["name"], Track.ATTRIBUTE, Setting.AUXILIARY, 120)
    alone = reserve_score(many, theirs, seconds=60)
    assert alone is not None
    assert desk.ledger()[-1].reserve == alone
    assert row.submission is not None
    assert row.submission.reserve == shown_reserve(alone)
    (mine,) = submissions_of(desk, eve)
    assert mine.reserve_gap is not None
    helpers = Helpers(desk.folder)
    assert dict(rescore(desk, releases_in(many.folder), helpers, ())) == {submitted: []}
    forged = row.submission.model_copy(update={"reserve": None})
    desk.shown().add(row.model_copy(update={"submission": forged}))
    found = dict(rescore(desk, releases_in(many.folder), helpers, ()))
    helpers.close()
    assert submitted is not None
    (problem,) = found[submitted]
    assert problem.problem.startswith("on the board, reserve: was ")


def test_a_dry_run_refuses_a_model_as_the_server_does(
    desk: Desk, eve: User, release: Release, tmp_path: Path
) -> None:
    files = {
        "a pickle": b"\x80\x04K\x01.",
        "no graph": b"onnx",
        "a loop without end": endless(task_of(release)).SerializeToString(),
    }
    about = write_declaration(tmp_path / "about.toml")
    said = {}
    for number, (name, content) in enumerate(files.items()):
        model = tmp_path / f"{number}.onnx"
        model.write_bytes(content)
        with pytest.raises(BadSubmission) as refused:
            submit(desk, eve, release, model, about, {}, dry_run=True)
        declared = Submission.of({**DECLARED, "name": name, "content": Model(format="onnx")})
        facts = {"fingerprint": release.manifest.fingerprint, "split": "test"}
        receive(desk, eve, declared, model, private=False, **facts)
        (said[name],) = refused.value.problems
    drain(desk, release)
    mine = {one.name: one for one in submissions_of(desk, eve)}
    assert {one.state for one in mine.values()} == {State.REJECTED}
    assert {name: one.log[-1].message for name, one in mine.items()} == said
    assert "it is a pickle" in said["a pickle"]
    assert all(str(tmp_path) not in sentence for sentence in said.values())


def test_a_link_in_the_place_of_a_model_is_not_followed(
    desk: Desk, eve: User, release: Release, tmp_path: Path
) -> None:
    declared = Submission.of({**DECLARED, "content": Model(format="onnx")})
    facts = {"fingerprint": release.manifest.fingerprint, "split": "test"}
    model = honest(tmp_path / "m.onnx", release)
    submitted = receive(desk, eve, declared, model, private=False, **facts)
    desk.file_of(submitted).unlink()
    desk.file_of(submitted).symlink_to(model)
    drain(desk, release)
    (mine,) = submissions_of(desk, eve)
    assert mine.state is State.REJECTED
    assert "not a plain file but a link" in mine.log[-1].message
    assert json.loads((desk.board / "ledger.json").read_text())["entries"] == 2
