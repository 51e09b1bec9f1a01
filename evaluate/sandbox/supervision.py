"""Run a command under watch: until it ends, prints too much, or goes beyond another limit."""

import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Literal

GLANCE = 0.05  # seconds between two looks
CHUNK = 2**16

Limit = Literal["memory", "cpu", "time", "tasks", "disk", "log"]


class Drain(threading.Thread):
    """Reads a pipe into a file to its end; what is beyond `most` bytes overflows and is dropped."""

    def __init__(self, pipe: IO[bytes], into: IO[bytes], most: int) -> None:
        super().__init__(daemon=True)
        self.pipe, self.into, self.most = pipe, into, most
        self.overflowed = False
        self.start()

    def run(self) -> None:
        """Read until the last writer has closed the pipe; no writer ever waits for long."""
        held = 0
        while part := os.read(self.pipe.fileno(), CHUNK):
            kept = part[: self.most - held]
            self.into.write(kept)
            held += len(kept)
            self.overflowed = self.overflowed or len(kept) < len(part)


@dataclass(frozen=True)
class Ended:
    """When a command ended, and the limit for which it was killed."""

    limit: Limit | None
    seconds: float


@dataclass(frozen=True)
class Watch:
    """Where the output of a command goes, and how much of it; how long it may take.

    `exceeded` is asked again and again and names a limit that the command has gone beyond.
    """

    output: IO[bytes]
    most_output: int
    log: IO[bytes]
    most_log: int
    seconds: float
    exceeded: Callable[[], Limit | None]

    def over(self, argv: Sequence[str], inherited: Sequence[int]) -> Ended:
        """Run a command, which gets the files `inherited` and no environment."""
        start = time.monotonic()
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={},
            pass_fds=inherited,
            start_new_session=True,
        )
        with process:
            assert process.stdout
            assert process.stderr
            output = Drain(process.stdout, self.output, self.most_output)
            log = Drain(process.stderr, self.log, self.most_log)
            try:
                limit = self._wait(process.pid, output, log, start + self.seconds)
            finally:
                # Not waited for yet, the leader keeps the group's number from being given again.
                os.killpg(process.pid, signal.SIGKILL)
            output.join()
            log.join()
        return Ended(limit or ("log" if log.overflowed else None), time.monotonic() - start)

    def _wait(self, process: int, output: Drain, log: Drain, end: float) -> Limit | None:
        handle = os.pidfd_open(process)
        try:
            watched = select.poll()
            watched.register(handle, select.POLLIN)
            while not watched.poll(1000 * GLANCE):
                if log.overflowed:
                    return "log"
                if output.overflowed:
                    return "disk"
                if time.monotonic() > end:
                    return "time"
                if limit := self.exceeded():
                    return limit
        finally:
            os.close(handle)
        return None
