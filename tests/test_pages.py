"""Every page is followed as a reader would follow it: files saved, code run, commands typed.

In an empty folder, on a few drawn faces in the place of the images and releases that the reader is
asked to bring. What is not run stands in `ELSEWHERE`, or under a comment that says why.
"""

import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest

from leakboard.cli import cli
from leakboard.leaderboard import Board, Desk
from leakboard.schemas import Track

from .pages import PAGES, Block, blocks
from .sources import ROOT
from .tiny import MakeRelease

ELSEWHERE: Mapping[str, str] = {
    r"leakboard serve": "runs until it is stopped: tests/leaderboard/test_browser.py",
    r"leakboard demo": "minutes of training, each stage of which a page runs: docs/start.md",
    r"leakboard pull": "asks the Hub: tests/generate/test_hub.py",
    r"leakboard reproduce": "takes hours: tests/experiments/test_tables.py",
    r"leakboard store": "needs PostgreSQL: tests/leaderboard/test_store.py",
    r"leakboard \w+ configs/million": "takes hours: tests/generate/test_collection.py",
    r"leakboard .*my_package": "stands for the reader's own: tests/evaluate/test_judges.py",
    r"python examples/": "in the repository: tests/test_examples.py",
    r"make ": "what continuous integration runs: .ci/run",
    r"source ": "of the reader's shell: Makefile",
}
FOLLOWED_ELSEWHERE = {
    "faq.md": "tests/test_faq.py",  # where its errors can be made
    "plug-ins.md": "tests/test_contributing.py",  # in a copy of the sources
}
QUICK = {"published-errors.md"}
FEWER: Mapping[str, str] = {
    r"configs/(?:cifar10|fairface|celeba)-": "configs/synthetic-",
    r" --data SRC": "",
    r"^(leakboard generate(?!.*--limit).*)": r"\1 --limit 400",
    r"^(leakboard generate(?!.*training).*)": r"\1 --set training.warmup_epochs=1",
    r"--limit 1600": "--limit 400",
    r"--minutes 60": "--minutes 0.1",
    r"bound all (.*) --samples 256": r"bound all \1 --samples 2 --set exact=0",
    r"(attack likelihood_maximization .*) --images 256": r"\1 --images 2 --set steps=20",
    r"^(leakboard worker.*)": r"\1 --drain",
    r"^(leakboard attack (?:decoder|attribute_classifier).*)": r"\1 --set epochs=1",
    r"^(leakboard judge.*)": r"\1 --epochs 1",
}
DEFENSES = {"gaussian-noise": "gaussian_noise"}  # of the releases that a page finds ready-made
RELEASE = re.compile(r"out/(?:cifar10|celeba|synthetic)-([\w-]+?)(?=[\s/\"')]|$)")


class Follower:
    """A reader in a folder of their own."""

    def __init__(self, folder: Path, release_of: MakeRelease) -> None:
        self.folder, self.release_of = folder, release_of
        self.names: dict[str, Any] = {}
        self.said = ""
        shutil.copytree(ROOT / "configs", folder / "configs")
        (folder / "out").mkdir()

    def follow(self, page: Path) -> None:
        """Do what the page says, from top to bottom."""
        found = [block for block in blocks(page) if not block.not_run]
        self.bring_releases("".join(block.text for block in found))
        for block in found:
            if block.file is not None:
                (self.folder / block.file).parent.mkdir(parents=True, exist_ok=True)
                (self.folder / block.file).write_text(block.text)
        for block in found:
            if block.language == "python" and block.file is None:
                exec(compile(block.text, page.name, "exec"), self.names)
            *before, last = block.commands or [""]
            for command in before:
                self.type(command, 0)
            self.type(last, block.exit_code)

    def bring_releases(self, text: str) -> None:
        """Put a tiny release where the page reads one that it does not make."""
        made = set(re.findall(r"leakboard generate .*--out (\S+)", text))
        for match in RELEASE.finditer(text):
            wanted = self.folder / match[0]
            if match[0] in made or wanted.is_symlink() or match[0].endswith("-truth"):
                continue
            folder = self.release_of(DEFENSES.get(match[1], match[1])).folder
            for tail in ("", "-truth", "-wds"):
                wanted.with_name(f"{wanted.name}{tail}").symlink_to(f"{folder}{tail}")

    def type(self, command: str, expected: int) -> None:
        """Carry a command out, unless `ELSEWHERE` says who does."""
        if not command or any(re.match(pattern, command) for pattern in ELSEWHERE):
            return
        for pattern, few in FEWER.items():
            command = re.sub(pattern, few, command)
        name, *arguments = shlex.split(command)
        if name == "leakboard":
            self.declare(arguments)
            with redirect_stdout(io.StringIO()) as said:
                code = cli.main(arguments, standalone_mode=False)
            self.said = said.getvalue()
            assert (code or 0) == expected, command
        elif name == "export":
            variable, _, value = arguments[0].partition("=")
            os.environ[variable] = os.environ[variable] if value == "…" else value
        else:
            run = [sys.executable if name == "python" else name, *arguments]
            subprocess.run(run, check=True, cwd=self.folder, capture_output=True)

    def declare(self, arguments: list[str]) -> None:
        """Correct the number of auxiliary records: the page's is of a larger release."""
        if arguments[0] != "submit":
            return
        file = self.folder / arguments[2]
        about = file.with_suffix(".toml")
        records = json.loads(pq.read_schema(file).metadata[b"leakboard"])["auxiliary_records"]
        true = f"auxiliary_records = {records}"
        text = re.sub(r"auxiliary_records = \d+", true, about.read_text())
        about.write_text(text)


def _both_tracks(follower: Follower) -> None:
    rows = Board.open(follower.folder / "board").rows()
    assert {row.report.track for row in rows} == set(Track)


def _statement(follower: Follower) -> None:
    said = (follower.folder / "out" / "mine-report" / "report.md").read_text("utf-8")
    assert "my_models:make_net through features.5" in said


def _submitted(follower: Follower) -> None:
    assert "received" in follower.said
    follower.type("leakboard worker --board board --releases out", 0)
    follower.type("leakboard rescore --board board --releases out", 0)
    assert "1 score, 0 differences" in follower.said
    (row,) = Board.open(follower.folder / "board").rows()
    assert row.submission is not None
    assert row.submission.authors == ("Ada Example",)


AFTERWARDS: Mapping[str, Callable[[Follower], None]] = {
    "README.md": _both_tracks,
    "audit.md": _statement,
    "submissions.md": _submitted,
}


def _runs(block: Block) -> bool:
    return block.language in ("python", "console", "bash") and not block.not_run


# webdataset leaves the last shard's file for the garbage collector to close
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=page.name, marks=() if page.name in QUICK else pytest.mark.slow)
        for page in PAGES
        if any(map(_runs, blocks(page))) and page.name not in FOLLOWED_ELSEWHERE
    ],
)
def test_the_page_can_be_followed(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, release_of: MakeRelease
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("PYTHONPATH", "")  # pages may export it
    monkeypatch.setenv("LEAKBOARD_TOKEN", Desk.set_up(tmp_path / "board").issue_token("ada"))
    follower = Follower(tmp_path, release_of)
    follower.follow(page)
    if page.name in AFTERWARDS:
        AFTERWARDS[page.name](follower)


def test_what_is_run_elsewhere_names_a_file_that_is_there() -> None:
    for reason in (*ELSEWHERE.values(), *FOLLOWED_ELSEWHERE.values()):
        assert (ROOT / reason.rpartition(" ")[2]).is_file(), reason


def test_what_is_not_run_says_why() -> None:
    for page in PAGES:
        for block in blocks(page):
            assert block.not_run is None or len(block.not_run.split()) > 3
