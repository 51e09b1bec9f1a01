"""Submitting from the command line: every problem at once, and the server's verdict beforehand."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from leakboard.leaderboard.desk.check import Checked, Question
from leakboard.leaderboard.desk.desk import Desk
from leakboard.leaderboard.store.releases import keep
from leakboard.leaderboard.worker.helpers import Helpers
from leakboard.schemas import Release

from ..hostile.predictions import CASES
from ..submitting import DECLARED, drawn, write_declaration, write_file
from .conftest import Run

Submit = Callable[..., list[object]]


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEAKBOARD_TOKEN", Desk.set_up(tmp_path / "board").issue_token("ada"))
    return tmp_path / "board"


@pytest.fixture
def submit(run: Run, release: Release, board: Path, tmp_path: Path) -> Submit:
    def arguments(file: Path, *options: str) -> list[object]:
        about = tmp_path / "about.toml"
        return ["submit", release.folder, file, "--about", about, "--board", board, *options]

    return arguments


def test_wrong_in_five_ways_is_five_messages(
    run: Run, release: Release, submit: Submit, tmp_path: Path
) -> None:
    ids = release.asked_ids("test")
    values = drawn(len(ids) + 1)
    values[3] = [float("nan"), 0]
    file = write_file(tmp_path / "a.parquet", release, ids=[*ids, ids[0]], values=values)
    declared = {**DECLARED, "seeds": [-1], "setting": "whitebox"}
    del declared["name"]
    write_declaration(tmp_path / "about.toml", declared)
    ran = run(*submit(file))
    assert ran.code == 1
    assert ran.out.splitlines() == [
        "key 'name' is missing: add it",
        "seeds.0: input should be greater than or equal to 0, but got -1",
        f"row 3 ({ids[3]}): a number that is not finite; give every class a probability",
        f"the id {ids[0]} occurs more than once; keep one row per id",
        "setting: the submission declares 'whitebox', but the file says auxiliary; correct one of "
        "them",
    ]
    assert "5 problems; nothing was submitted" in ran.err
    again = json.loads(run(*submit(file, "--dry-run", "--json")).out)
    assert again == {"submission": None, "problems": ran.out.splitlines()}


def test_the_options_take_the_place_of_the_keys(
    run: Run, release: Release, submit: Submit, board: Path, tmp_path: Path
) -> None:
    file = write_file(tmp_path / "a.parquet", release)
    write_declaration(tmp_path / "about.toml", {**DECLARED, "track": "reconstruction"})
    paper = "https://example.org/probe"
    options = ("--name", "mine", "--track", "attribute", "--paper", paper, "--private")
    assert run(*submit(file, "--dry-run", *options)).out == "it would be accepted\n"
    submitted = json.loads(run(*submit(file, "--json", *options)).out)["submission"]
    received = Desk.open(board).received(submitted)
    assert (received.submission.name, received.submission.paper) == ("mine", paper)
    assert received.private


def test_what_a_user_sees_and_takes_back(
    run: Run, release: Release, submit: Submit, board: Path, tmp_path: Path
) -> None:
    write_declaration(tmp_path / "about.toml")
    file = write_file(tmp_path / "a.parquet", release)
    submitted = json.loads(run(*submit(file, "--json")).out)["submission"]
    fingerprint = release.manifest.fingerprint[:8]
    line = rf"{submitted} +linear probe +attribute +{fingerprint} +test +public"
    assert re.search(line, run("submissions", "--board", board).out)
    keep(board, release.manifest)
    listed = run("submissions", "--board", board).out
    assert f"{release.manifest.name} ({fingerprint})" in listed
    ran = run("submissions", submitted, "--board", board, "--json")
    assert (json.loads(ran.out)["state"], json.loads(ran.out)["position"]) == ("received", 1)
    assert run("withdraw", submitted, "--board", board).out == f"{submitted}: withdrawn\n"
    ran = run("submissions", submitted, "--board", board)
    assert "withdrawn by its author" in ran.out


def test_a_token_that_is_missing_or_wrong(
    run: Run, board: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKBOARD_TOKEN", "another")
    ran = run("submissions", "--board", board)
    assert (ran.code, "this token is not valid here" in ran.sentence) == (2, True)
    monkeypatch.delenv("LEAKBOARD_TOKEN")
    ran = run("submissions", "--board", board)
    assert (ran.code, "LEAKBOARD_TOKEN is not set" in ran.sentence) == (2, True)


def test_a_board_that_takes_no_submissions(run: Run, board: Path, tmp_path: Path) -> None:
    for command in (["submissions"], ["withdraw", "0" * 32], ["worker", "--releases", "."]):
        ran = run(*command, "--board", tmp_path / "another")
        assert (ran.code, "this board takes no submissions" in ran.sentence) == (2, True)
    assert not list(tmp_path.glob("another*"))


def test_a_worker_needs_the_truth_before_it_takes_a_submission(
    run: Run, release: Release, board: Path, tmp_path: Path
) -> None:
    truths = ["--truths", tmp_path / "elsewhere"]
    ran = run("worker", "--board", board, "--releases", release.folder, *truths, "--drain")
    assert (ran.code, "expected the truth of" in ran.sentence) == (2, True)


def test_a_new_desk_is_said_to_be_one(run: Run, board: Path, tmp_path: Path) -> None:
    assert "bord-submissions: a new desk" in run("token", "ada", "--board", tmp_path / "bord").err
    assert run("token", "ada", "--board", board).err == ""


def test_a_model_is_not_run_for_a_wrong_declaration(
    run: Run, submit: Submit, tmp_path: Path
) -> None:
    write_declaration(tmp_path / "about.toml", {**DECLARED, "seeds": [], "track": "both"})
    (tmp_path / "model.onnx").write_bytes(b"onnx")
    ran = run(*submit(tmp_path / "model.onnx"))
    assert ran.code == 1
    assert [line.split(":")[0] for line in ran.out.splitlines()] == ["track", "seeds"]


def test_a_dry_run_needs_no_board_and_no_token(
    run: Run,
    release: Release,
    submit: Submit,
    board: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is wrong is said as at a desk; of what is sound, what nobody looked at."""
    write_declaration(tmp_path / "about.toml", {**DECLARED, "seeds": []})
    values = drawn(len(release.asked_ids("test"))) / 2
    wrong = write_file(tmp_path / "wrong.parquet", release, values=values)
    at_a_desk = run(*submit(wrong, "--dry-run"))
    monkeypatch.delenv("LEAKBOARD_TOKEN")
    nowhere = ("--board", tmp_path / "nowhere", "--dry-run")
    alone = run(*submit(wrong, *nowhere))
    assert (alone.code, alone.out) == (at_a_desk.code, at_a_desk.out)
    assert len(alone.out.splitlines()) == 2
    write_declaration(tmp_path / "about.toml")
    sound = write_file(tmp_path / "sound.parquet", release)
    alone = run(*submit(sound, *nowhere))
    assert (alone.code, alone.out) == (0, "nothing is wrong with the file and its declaration\n")
    assert json.loads(run(*submit(sound, *nowhere, "--json")).out)["asked"] is False
    assert "nobody was asked whether the name is free" in alone.err
    assert "this board takes no submissions" in run(*submit(sound, *nowhere[:2])).sentence
    assert "LEAKBOARD_TOKEN is not set" in run(*submit(sound, "--dry-run")).sentence
    assert not list(tmp_path.glob("nowhere*"))


@pytest.mark.slow
def test_a_dry_run_gives_the_servers_verdict(
    run: Run, release: Release, board: Path, tmp_path: Path
) -> None:
    """Word for word, for every hostile file."""
    helpers = Helpers(tmp_path)
    for number, (name, case) in enumerate(CASES.items()):
        if case.declared:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        file = case.make(folder, release)
        about = write_declaration(folder / "about.toml")
        question = Question(declared=DECLARED, file=str(file))
        server: Checked = helpers.check(release.folder, question)
        options = ("--about", about, "--board", board, "--dry-run", "--json")
        said = json.loads(run("submit", release.folder, file, *options).out)["problems"]
        assert tuple(said) == server.problems, name
    helpers.close()
