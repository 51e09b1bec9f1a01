"""This Python inside the sandbox: its own files, the installed packages, and parts of ours."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SHOWN = "/packages"
SITES = ("site-packages", "dist-packages")


@dataclass(frozen=True)
class Program:
    """What `Sandbox.run` needs to run it: the command, what it reads, its environment."""

    command: Sequence[str]
    inputs: Mapping[str, Path]
    environment: Mapping[str, str]


def python(arguments: Sequence[str], parts: Sequence[str] = ()) -> Program:
    """Run Python with the installed packages and with `parts` of Leakboard.

    A part is the path of a module or package, such as "evaluate/runners"; what is not named is not
    there, nor is anything beside it in the source tree of an editable installation.
    """
    interpreter = Path(sys.executable).resolve()
    installed = [Path(entry) for entry in sys.path if Path(entry).name in SITES]
    homes = [Path(sys.base_prefix).resolve(), *installed]
    shown = {str(home): home for home in homes if not home.is_relative_to("/usr")}
    folder = Path(__file__).parents[1]
    ours = {f"{SHOWN}/leakboard/{part}": _source(folder, part) for part in parts}
    if parts and "evaluate" not in parts:
        # A package of those parts alone, before an installed one that holds, and imports, the rest.
        ours[f"{SHOWN}/leakboard/evaluate/__init__.py"] = folder / "py.typed"  # which is empty
    return Program(
        command=[str(interpreter), "-s", "-P", *arguments],
        inputs={**shown, **ours},
        environment={
            "PYTHONPATH": ":".join([SHOWN, *map(str, installed)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",  # one thread takes its sums in one order
        },
    )


def _source(evaluate: Path, part: str) -> Path:
    """Where a part lies: folders beside `evaluate` may come from elsewhere than it."""
    top, _, rest = part.partition("/")
    home = evaluate if top == "evaluate" else evaluate.parent / top
    return home / rest
