"""Run the command line as a user would, in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from leakboard.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one line that an error prints."""
        (line,) = [line for line in self.err.splitlines() if line.startswith("leakboard: ")]
        return line


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `leakboard` with arguments; returns exit code, stdout and stderr."""

    def call(*arguments: object) -> Ran:
        monkeypatch.setattr(sys, "argv", ["leakboard", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capsys.readouterr()
        return Ran(int(stopped.value.code or 0), out, err)

    return call
