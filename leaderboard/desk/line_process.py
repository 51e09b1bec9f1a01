"""A process that answers one line with one line, and may die without taking us along."""

import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

PYTHON = [sys.executable, "-P", "-c"]
LEAKBOARD = [*PYTHON, "from leakboard.cli import main; main()"]  # the command, as a process
MOST_BYTES = 2**24  # of an answer


class ProcessDied(Exception):
    """The process ended, or had to be ended, before it answered."""


@dataclass
class LineProcess:
    """A command that is started when it is first asked; what it writes on stderr goes to `log`."""

    command: Sequence[str]
    log: Path
    process: subprocess.Popen[str] | None = field(default=None, init=False)

    def ask(self, question: str, seconds: float) -> str:
        """Send a line and wait for the line it answers; `ProcessDied` where none comes in time."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        late = threading.Timer(seconds, process.kill)
        late.start()
        try:
            process.stdin.write(f"{question}\n")
            process.stdin.flush()
            answer = process.stdout.readline(MOST_BYTES)
        except BrokenPipeError:
            answer = ""
        finally:
            in_time = late.is_alive()
            late.cancel()
        if answer.endswith("\n"):
            return answer
        self.close()
        raise ProcessDied(
            f"it ended with exit code {process.returncode}"
            if in_time
            else f"it took longer than {seconds:g} s"
        )

    def close(self) -> None:
        """End the process, if it runs."""
        if self.process is None:
            return
        process, self.process = self.process, None
        process.kill()
        process.communicate()

    def _running(self) -> subprocess.Popen[str]:
        if self.process is None or self.process.poll() is not None:
            self.close()
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a") as log:
                self.process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    text=True,
                )
        return self.process
