"""The examples of plug-ins in docs: complete, clean, listed, and sound under the contract tests."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .pages import blocks
from .sources import ROOT, copy_sources

GUIDE = ROOT / "docs" / "plug-ins.md"
KINDS = ("dataset", "defense", "metric", "bound")
EXAMPLES = {
    block.file: block.text
    for page in (*(f"add-a-{kind}.md" for kind in KINDS), "write-an-attack.md")
    for block in blocks(ROOT / "docs" / page)
    if block.file is not None and "/" in block.file
}
PLUGINS = ("stripes", "quantization", "brier", "brightness_step", "channel_means")
LOOP = [
    line.removeprefix("leakboard ")
    for block in blocks(GUIDE)
    for line in block.commands
    if line.startswith("leakboard")
]
RUN = """
import sys
from leakboard.cli import cli
for command in sys.argv[1:]:
    cli.main(command.split(), standalone_mode=False)
"""


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the source tree and its tests, with the examples in their places."""
    folder = copy_sources(tmp_path_factory.mktemp("scratch"))
    shutil.copytree(ROOT / "typings", folder / "typings", symlinks=True)
    for name in ("tests", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path, content in EXAMPLES.items():
        assert not (folder / path).exists()
        (folder / path).write_text(content)
    return folder


def python(scratch: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python on the copied packages: they come first on its path."""
    environment = os.environ | {"PYTHONPATH": str(scratch / "typings")}
    command = [sys.executable, "-P", *arguments]
    return subprocess.run(
        command, cwd=scratch, env=environment, capture_output=True, text=True, check=False
    )


def test_there_is_one_file_for_each_kind_of_plug_in() -> None:
    assert [Path(path).stem for path in EXAMPLES if path.endswith(".py")] == list(PLUGINS)


def test_the_examples_are_clean(scratch: Path) -> None:
    for check in (("check",), ("format", "--check")):
        done = python(scratch, "-m", "ruff", *check, *(path for path in EXAMPLES if ".py" in path))
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_examples_are_typed(scratch: Path) -> None:
    done = python(scratch, "-m", "mypy", "typings")
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_contract_tests_find_the_examples_and_pass(scratch: Path) -> None:
    suites = ("tests/generate", "tests/evaluate")
    chosen = ("-k", f"({' or '.join(PLUGINS)}) and not gaussian_noise")  # one release is enough
    done = python(scratch, "-m", "pytest", "-q", "-rA", *chosen, *suites)
    assert done.returncode == 0, done.stdout
    for name in PLUGINS:
        assert re.search(rf"^PASSED .*\[.*\b{name}\b.*\]", done.stdout, re.MULTILINE), name


@pytest.mark.slow
def test_the_loop_of_the_guide_runs_on_the_examples(scratch: Path) -> None:
    generate, attack, score, bound = LOOP
    few = f"{generate} --set dataset.images=300", attack, f"{bound} --samples 20", f"{score} --json"
    done = python(scratch, "-c", RUN, *few)
    assert done.returncode == 0, done.stderr
    assert "moved" in done.stdout
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["attack"] == "channel_means"
    assert report["scores"]["brier"]["direction"] == "lower leaks more"
    assert report["scores"]["top1"]["low"] > 0.5  # of three colours
