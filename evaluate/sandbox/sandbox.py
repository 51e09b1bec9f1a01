"""The sandbox: runs what strangers wrote, and shows it nothing but what it is to read.

Bubblewrap builds a world of read-only folders and one writable folder of limited size, without
network, other processes or environment. Control groups limit memory and tasks, a filter refuses
system calls, and the process has a user number of its own and no privileges. Where no control
group can be made, the kernel's limits for each process take its place: for one process that is as
strict, so such a host runs only what starts no other.
"""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import Field

from ...schemas import NoSandbox, Record
from .cgroups import Cgroup, cgroup
from .confinement import FILES, Walls
from .seccomp import filter_program
from .supervision import Ended, Limit, Watch
from .traces import Traces

OWN_TASKS = 4  # those of the shell and of bubblewrap, in the same control group
ARCHIVE_HEADERS = 4096 * FILES  # bytes
OVERTIME, TOO_LARGE = 128 + 24, 128 + 25  # exit codes: SIGXCPU and SIGXFSZ
NO_CAPABILITY = "0000000000000000"
PROVEN = {
    "Seccomp": "2",
    "NoNewPrivs": "1",
    **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), NO_CAPABILITY),
}

PROOF = ("/bin/grep", "-E", f"^({'|'.join(PROVEN)}):", "/proc/self/status")

_rules = cache(filter_program)


class Limits(Record):
    """What a run may use; bytes and seconds.

    tasks     processes and threads at one time
    children  whether it may start processes; else threads only
    disk      what it has written and not removed; this lies in memory, and counts there too
    log       what it may print
    """

    memory: int = Field(default=2 * 2**30, gt=0)
    cpu_seconds: int = Field(default=600, gt=0)
    seconds: float = Field(default=600, gt=0)
    tasks: int = Field(default=64, gt=0)
    children: bool = False
    disk: int = Field(default=2**29, gt=0)
    log: int = Field(default=2**20, gt=0)


class Outcome(Record):
    """What came of a run: its exit code, the limit it hit, the end of what it printed.

    `exit` is None where it was killed from outside; 128 and more are signals. `left_out` names what
    lay in its folder beside plain files, which are all that is kept. Memory (bytes) and processor
    time are None where there was no control group to measure them.
    """

    exit: int | None
    limit: Limit | None
    log: str
    left_out: tuple[str, ...]
    peak_memory: int | None
    cpu_seconds: float | None
    seconds: float = Field(ge=0)

    @property
    def done(self) -> bool:
        """Whether it ended by itself, without an error and within its limits."""
        return self.exit == 0 and self.limit is None


@dataclass(frozen=True)
class Sandbox:
    """A sandbox that was seen to hold on this machine."""

    walls: Walls

    @classmethod
    def find(cls) -> "Sandbox":
        """The sandbox of this machine; `NoSandbox` says which piece is missing."""
        return _proven(Walls.here())

    def run(
        self,
        command: Sequence[str],
        inputs: Mapping[str, Path],
        output: Path,
        limits: Limits,
        environment: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Run a command; the plain files that it leaves in /out are then in the folder `output`.

        `inputs` are files and folders of the host, read-only, by their absolute paths inside.
        Raises `NoSandbox` where the sandbox cannot be built.
        """
        with (
            cgroup(limits.memory, limits.tasks + OWN_TASKS) as group,
            tempfile.TemporaryDirectory(prefix="leakboard-") as stage,
            tempfile.TemporaryFile() as archive,
            tempfile.TemporaryFile() as log,
            tempfile.TemporaryFile() as rules,
        ):
            _refuse_unlimited(limits, group)
            rules.write(_rules(limits.children))
            rules.seek(0)
            argv = [
                *self.walls.outside(map(str, group.doors if group else ()), stage, limits.disk),
                *self.walls.inside(inputs, stage, environment or {}, rules.fileno()),
                *self._held(limits, group),
                *command,
            ]
            watch = Watch(
                output=archive,
                most_output=limits.disk + ARCHIVE_HEADERS,
                log=log,
                most_log=limits.log,
                seconds=limits.seconds,
                exceeded=lambda: _beyond_processor(limits, group),
            )
            ended = watch.over(argv, [rules.fileno()])
            return _outcome(ended, Traces(archive, log), limits, group, output)

    def _held(self, limits: Limits, group: Cgroup | None) -> Iterator[str]:
        """Limit each process, its memory too where no group counts that; take its rights away."""
        yield from self.walls.limited(
            cpu_seconds=limits.cpu_seconds,
            disk=limits.disk,
            tasks=limits.tasks + OWN_TASKS,
            memory=None if group else limits.memory,
        )
        yield from self.walls.dropped()


def _refuse_unlimited(limits: Limits, group: Cgroup | None) -> None:
    if limits.children and group is None:
        raise NoSandbox(
            "sandbox not available: only control groups hold several processes to one limit, and "
            "none can be made here; run as root on a host with cgroups for memory and pids"
        )


def _beyond_processor(limits: Limits, group: Cgroup | None) -> Limit | None:
    return "cpu" if group and group.cpu_seconds() > limits.cpu_seconds else None


def _outcome(
    ended: Ended, traces: Traces, limits: Limits, group: Cgroup | None, output: Path
) -> Outcome:
    killed = ended.limit is not None
    status = {} if killed else traces.status()
    if not killed and "exit-code" not in status and not (group and group.killed_for_memory()):
        raise NoSandbox(
            f"sandbox not available: it could not be built ({traces.printed().strip()})"
        )
    exit_code = status.get("exit-code")
    limit = ended.limit or _limit(exit_code, status, group)
    return Outcome(
        exit=exit_code,
        limit=limit,
        log=traces.printed(),
        left_out=() if limit else traces.collect(output, limits.disk),
        peak_memory=group.peak_memory() if group else None,
        cpu_seconds=group.cpu_seconds() if group else None,
        seconds=ended.seconds,
    )


def _limit(exit_code: int | None, status: Mapping[str, int], group: Cgroup | None) -> Limit | None:
    """Which limit explains how it ended; one that it met and got over is none."""
    if group and group.killed_for_memory():
        return "memory"
    if exit_code == 0:
        return None
    if exit_code == OVERTIME:
        return "cpu"
    if exit_code == TOO_LARGE or status.get("free") == 0:
        return "disk"
    return "tasks" if group and group.refused_tasks() else None


@cache
def _proven(walls: Walls) -> Sandbox:
    """Look from inside at what must hold."""
    sandbox = Sandbox(walls)
    with tempfile.TemporaryDirectory() as output:
        outcome = sandbox.run(PROOF, {}, Path(output), Limits())
    said = dict(line.split(":", 1) for line in outcome.log.splitlines() if ":" in line)
    wrong = [name for name, value in PROVEN.items() if said.get(name, "").strip() != value]
    if wrong or not outcome.done:
        raise NoSandbox(
            f"sandbox not available: inside, {', '.join(wrong) or 'a proof'} is not as it must be "
            f"({outcome.log.strip()}); run as root, or on a host that allows user namespaces"
        )
    return sandbox
