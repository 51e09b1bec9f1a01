"""The sandbox for real, a secret that must not leave, and scripts that go after it."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from leakboard.evaluate.sandbox.cgroups import cgroup
from leakboard.evaluate.sandbox.interpreter import python
from leakboard.evaluate.sandbox.sandbox import Limits, Outcome, Sandbox
from leakboard.schemas import NoSandbox

CANARY = "canary-7d1f5a3e"
SCRIPT = "/program/main.py"
SMALL = Limits(
    memory=2**28, cpu_seconds=20, seconds=20, tasks=16, children=True, disk=2**23, log=2**16
)


@dataclass(frozen=True)
class Ran:
    """A hostile script's outcome, and the folder that was kept of it."""

    outcome: Outcome
    output: Path

    @property
    def gained(self) -> str:
        """Everything that left the sandbox."""
        files = [path.read_text(errors="replace") for path in self.output.iterdir()]
        return "\n".join([self.outcome.log, *self.outcome.left_out, *files])


RunScript = Callable[..., Ran]


@pytest.fixture(scope="session")
def sandbox() -> Sandbox:
    try:
        return Sandbox.find()
    except NoSandbox as missing:
        if os.environ.get("CI"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def control_groups() -> None:
    """A host must let us make control groups: nothing that CI could install gives them."""
    with cgroup(SMALL.memory, SMALL.tasks) as group:
        if group is None:
            pytest.skip("no control group can be made here, so several processes cannot be held")


@pytest.fixture
def truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A truth file, readable by everyone, whose path and content the environment tells too."""
    path = tmp_path / "release-truth" / "canary.txt"
    path.parent.mkdir()
    path.write_text(CANARY)
    for folder in (path, *list(path.parents)[:3]):
        folder.chmod(0o777)
    monkeypatch.setenv("LEAKBOARD_TRUTH", CANARY)
    yield path
    assert path.read_text() == CANARY
    assert os.stat(path).st_nlink == 1


@pytest.fixture
def run_script(sandbox: Sandbox, control_groups: None, tmp_path: Path) -> RunScript:
    """Run Python code in the sandbox."""

    def run(code: str, *arguments: object, limits: Limits = SMALL) -> Ran:
        script = tmp_path / "script.py"
        script.write_text(code)
        program = python([SCRIPT, *map(str, arguments)])
        output = tmp_path / "output"
        output.mkdir(exist_ok=True)
        inputs = {**program.inputs, SCRIPT: script}
        outcome = sandbox.run(program.command, inputs, output, limits, program.environment)
        return Ran(outcome, output)

    return run
