"""The page of errors: every class has an entry, and its example is what is really printed."""

import ast
import json
import re
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import update

from leakboard.cli import main
from leakboard.evaluate import fit_attack
from leakboard.leaderboard import Desk
from leakboard.leaderboard.desk.tables import HEAD
from leakboard.schemas import LeakboardError, Release
from leakboard.schemas import errors as classes

from .pages import Block, blocks
from .sources import ROOT, modules

PAGE = ROOT / "docs" / "faq.md"
SECTIONS = re.findall(r"^### `(\w+)`$", PAGE.read_text("utf-8"), re.MULTILINE)
SHOWN = blocks(PAGE)
EXAMPLES: Mapping[str, tuple[Block, Block]] = dict(
    zip(SECTIONS, zip(SHOWN[::2], SHOWN[1::2], strict=True), strict=True)  # command, answer
)
TOLD_BY_THE_COMMAND = "BadSubmission"  # one line for each reason
OF_ONE_RUN = re.compile(r"but got [\d.e+]+;|[0-9a-f]{12}…")


def defined() -> list[str]:
    """Every class of ours, wherever it is defined, that is an error for users."""
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for module in modules()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {LeakboardError.__name__}
    while more := {name for name, its in bases.items() if its & found} - found:
        found |= more
    return sorted(found)


def test_every_error_has_an_entry() -> None:
    assert sorted(SECTIONS) == defined()


@pytest.fixture
def folder(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the examples of the page find: a release, damaged copies of it, a board."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    for name in ("out/faces", "out/damaged", "newer"):
        shutil.copytree(release.folder, tmp_path / name)
    shard = tmp_path / "out" / "damaged" / release.manifest.shards_of("auxiliary")[0].path
    shard.write_bytes(b"?" + shard.read_bytes()[1:])
    manifest = tmp_path / "newer" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"schema_version": 99}))
    for name in ("notes.txt", "model.pt", "model.onnx"):
        (tmp_path / name).write_text("nothing of the kind\n")
    pq.write_table(pa.table({"sample_id": ["a"]}), tmp_path / "plain.parquet")
    fit_attack(release, "prior", {}).predict("test").write(tmp_path / "prior.parquet")
    (tmp_path / "prior.toml").write_text('authors = ["Ada Example"]\nauxiliary_records = 5\n')
    desk = Desk.set_up(tmp_path / "board")
    monkeypatch.setenv("LEAKBOARD_TOKEN", desk.issue_token("ada"))
    return tmp_path


def _run(command: str, monkeypatch: pytest.MonkeyPatch, *options: str) -> int:
    name, *arguments = shlex.split(command)
    monkeypatch.setattr(sys, "argv", [name, *options, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize("name", SECTIONS)
def test_the_example_is_what_is_printed(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked, shown = EXAMPLES[name]
    (command,) = asked.commands
    if name == "NoSandbox":
        monkeypatch.setenv("PATH", str(folder))  # without bubblewrap
    if name == "BrokenLedger":
        with Desk.open(folder / "board", None).engine.begin() as connection:
            connection.execute(update(HEAD).values(entries=3))
    assert _run(command, monkeypatch) == asked.exit_code
    printed = capsys.readouterr()
    said = [line for line in printed.err.splitlines() if line.startswith("leakboard: ")]
    if name == TOLD_BY_THE_COMMAND:
        said = [*printed.out.splitlines(), printed.err.splitlines()[-1]]
    else:
        with pytest.raises(getattr(classes, name)) as caught:
            _run(command, monkeypatch, "--debug")
        assert type(caught.value).__name__ == name
    assert OF_ONE_RUN.sub("", "\n".join(said)) == OF_ONE_RUN.sub("", shown.text.strip())
