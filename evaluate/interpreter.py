"""This Python inside the sandbox: its own files and the installed packages, read-only."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPT = "/program/main.py"


@dataclass(frozen=True)
class Program:
    """What `Sandbox.run` needs to run a script: the command, what it reads, its environment."""

    command: Sequence[str]
    inputs: Mapping[str, Path]
    environment: Mapping[str, str]


def python(script: Path, *arguments: str, packages: Mapping[str, Path] | None = None) -> Program:
    """Run a script with the installed packages, and with `packages` by their names.

    Of a folder that holds packages only those are shown: the source tree of an editable
    installation may have anything beside them.
    """
    interpreter = Path(sys.executable).resolve()
    installed = [
        Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")
    ]
    homes = [Path(sys.base_prefix).resolve(), *installed]
    shown = {str(home): home for home in homes if not home.is_relative_to("/usr")}
    own = {f"/packages/{name}": folder for name, folder in (packages or {}).items()}
    paths = ["/packages", *map(str, installed)]
    return Program(
        command=[str(interpreter), "-s", "-P", SCRIPT, *arguments],
        inputs={SCRIPT: script, **shown, **own},
        environment={"PYTHONPATH": ":".join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
    )
