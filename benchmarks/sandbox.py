"""The sandbox: seconds from the call to the end of a process that does nothing, beside it bare."""

import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ..evaluate.sandbox.interpreter import Program, python
from ..evaluate.sandbox.sandbox import Limits, Sandbox
from ..schemas import LeakboardError
from . import Case

RUNS = 15
NOTHING = ("-c", "pass")
NUMPY = ("-c", "import numpy")


def run() -> dict[str, Case]:
    """Start Python in turn in the sandbox and bare, with nothing to do and with NumPy to import."""
    sandbox = Sandbox.find()
    return {
        name: _beside_bare(sandbox, python(arguments), what)
        for name, arguments, what in (
            ("bare-python", NOTHING, "that does nothing"),
            ("bare-numpy", NUMPY, "that imports NumPy"),
        )
    }


def _beside_bare(sandbox: Sandbox, program: Program, what: str) -> Case:
    with tempfile.TemporaryDirectory() as folder:

        def confined() -> None:
            outcome = sandbox.run(
                program.command, program.inputs, Path(folder), Limits(), program.environment
            )
            if not outcome.done:
                raise LeakboardError(f"the process ended with {outcome.exit}: {outcome.log}")

        pairs = [(_seconds(confined), _seconds(lambda: _bare(program))) for _ in range(RUNS)]
    ours, bare = (statistics.median(times) for times in zip(*pairs, strict=True))
    more = statistics.median(a - b for a, b in pairs)
    description = f"the same Python process {what}, bare; the sandbox adds {1e3 * more:.0f} ms"
    return Case.of(ours, bare, "s", f"{description} (median of {RUNS})", less_is_better=True)


def _bare(program: Program) -> None:
    environment: Mapping[str, str] = program.environment
    subprocess.run(program.command, env=dict(environment), cwd="/", check=True)


def _seconds(call: Callable[[], None]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
