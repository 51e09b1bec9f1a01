"""The examples run as they lie in the repository, as scripts and as notebooks, and say numbers."""

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from leakboard.cli import cli
from leakboard.leaderboard import Desk

from .sources import ROOT

GENERATOR = runpy.run_path(str(ROOT / "docs" / "generate_notebooks.py"))
SCRIPTS: list[Path] = GENERATOR["scripts"]()
INTERVAL = re.compile(r"-?\d+\.\d{3} \((-?\d+\.\d{3}) to (-?\d+\.\d{3})\)")

each_script = pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the folder, in which the examples may write."""
    left = shutil.ignore_patterns("out", "__pycache__")
    return shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=left)


def _says_numbers(said: str) -> None:
    """Every number that is a result has its interval, and n and the level are said."""
    intervals = [(float(m[1]), float(m[2])) for m in INTERVAL.finditer(said)]
    assert intervals
    assert all(low <= high for low, high in intervals)
    assert re.search(r"n = \d+ images", said)
    assert "95 % intervals" in said


def test_there_are_scripts() -> None:
    names = [script.stem for script in SCRIPTS]
    assert names == ["audit_own_model", "decoder_attack", "new_dataset"]


@each_script
def test_the_notebook_is_the_script(script: Path) -> None:
    path = script.with_suffix(".ipynb")
    made = GENERATOR["notebook"](script)
    assert path.read_text("utf-8") == made, "run docs/generate_notebooks.py again"
    notebook = nbformat.reads(made, as_version=4)
    nbformat.validate(notebook)
    assert "argparse" not in made
    assert not any(cell.get("outputs") for cell in notebook.cells)


@pytest.mark.slow
@each_script
def test_the_script_runs(script: Path, examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, f"examples/{script.name}", "--out", "elsewhere"]
    done = subprocess.run(command, cwd=examples.parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    _says_numbers(done.stdout)
    monkeypatch.chdir(examples.parent)
    monkeypatch.syspath_prepend(examples)
    monkeypatch.setenv("LEAKBOARD_TOKEN", Desk.set_up(Path("board")).issue_token("ada"))
    SAYS[script.stem](done.stdout)


def _submitted(_said: str) -> None:
    """The command of its docstring, with the token of a board's organiser."""
    (shown,) = re.findall(r"^ +leakboard (submit .*)", DECODER.read_text("utf-8"), re.MULTILINE)
    command = shown.replace("out/decoder-attack", "elsewhere")
    for ending in (["--dry-run"], []):
        assert not cli.main([*shlex.split(command), *ending], standalone_mode=False)


def _sound(said: str) -> None:
    assert "problems: []" in said


def _three_splits(said: str) -> None:
    assert re.findall(r"^(layer\d) +(\d+) ", said, re.MULTILINE) == [
        ("layer1", "4096"),
        ("layer2", "2048"),
        ("layer3", "1024"),
    ]


DECODER = ROOT / "examples" / "decoder_attack.py"
SAYS: Mapping[str, Callable[[str], None]] = {
    "audit_own_model": _three_splits,
    "decoder_attack": _submitted,
    "new_dataset": _sound,
}


@pytest.mark.slow
@each_script
def test_the_notebook_runs(script: Path, examples: Path) -> None:
    notebook = nbformat.read(examples / f"{script.stem}.ipynb", as_version=4)
    NotebookClient(notebook, resources={"metadata": {"path": str(examples)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    _says_numbers("".join(output.text for output in outputs if output.output_type == "stream"))
