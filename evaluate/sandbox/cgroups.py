"""A control group of one sandboxed run: limits on memory and tasks, and what was used of them.

The kernel offers two layouts, of which a host has one: a hierarchy for each controller (version 1)
or one for all (version 2).
"""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
PATIENCE = 5.0  # seconds for killed processes to leave a group
LEAVING = 0.005  # seconds between two looks
_serial = count()


@dataclass(frozen=True)
class Layout:
    """The folder of each controller, and the names of the files that say and limit."""

    folders: Mapping[str, Path]
    memory_limit: str
    swap_limit: str
    memory_peak: str
    memory_events: str
    processor: str


VERSION_1 = Layout(
    {"memory": ROOT / "memory", "pids": ROOT / "pids", "cpu": ROOT / "cpuacct"},
    memory_limit="memory.limit_in_bytes",
    swap_limit="memory.memsw.limit_in_bytes",
    memory_peak="memory.max_usage_in_bytes",
    memory_events="memory.oom_control",
    processor="cpuacct.usage",
)
VERSION_2 = Layout(
    dict.fromkeys(("memory", "pids", "cpu"), ROOT),
    memory_limit="memory.max",
    swap_limit="memory.swap.max",
    memory_peak="memory.peak",
    memory_events="memory.events",
    processor="cpu.stat",
)


@dataclass(frozen=True)
class Cgroup:
    """A group that this process made and is to remove."""

    layout: Layout
    name: str

    def make(self, memory: int, tasks: int) -> None:
        """Make the folders, with limits of `memory` bytes and so many `tasks`."""
        for folder in self.folders:
            folder.mkdir()
        self._file("memory", self.layout.memory_limit).write_text(str(memory))
        self._file("pids", "pids.max").write_text(str(tasks))
        swap = self._file("memory", self.layout.swap_limit)
        if swap.exists():  # where the kernel accounts for swap at all
            swap.write_text("0" if self.layout is VERSION_2 else str(memory))

    @property
    def folders(self) -> tuple[Path, ...]:
        """Its folder in each hierarchy."""
        return tuple(dict.fromkeys(base / self.name for base in self.layout.folders.values()))

    @property
    def doors(self) -> tuple[Path, ...]:
        """The files into which a process writes its number to join."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def cpu_seconds(self) -> float:
        """Processor time of all its processes so far, those that ended included."""
        text = self._file("cpu", self.layout.processor).read_text()
        if self.layout is VERSION_1:
            return int(text) / 1e9
        return _fields(text)["usage_usec"] / 1e6

    def peak_memory(self) -> int | None:
        """Most bytes it held at one time; None where the kernel does not say (before 5.19)."""
        file = self._file("memory", self.layout.memory_peak)
        return int(file.read_text()) if file.exists() else None

    def killed_for_memory(self) -> bool:
        """Whether the kernel killed one of its processes for want of memory."""
        return _fields(self._file("memory", self.layout.memory_events).read_text())["oom_kill"] > 0

    def refused_tasks(self) -> bool:
        """Whether a process or thread was refused because there were too many."""
        return _fields(self._file("pids", "pids.events").read_text())["max"] > 0

    def remove(self) -> None:
        """Kill whatever is left in it, and remove it; raises `OSError` where that fails."""
        end = time.monotonic() + PATIENCE
        while (members := set(self._members())) and time.monotonic() < end:
            for member in members:
                _kill(member)
            time.sleep(LEAVING)
        for folder in self.folders:
            if folder.exists():
                folder.rmdir()

    def _members(self) -> Iterator[int]:
        for door in self.doors:
            if door.exists():
                yield from map(int, door.read_text().split())

    def _file(self, controller: str, name: str) -> Path:
        return self.layout.folders[controller] / self.name / name


@contextmanager
def cgroup(memory: int, tasks: int) -> Iterator[Cgroup | None]:
    """A control group for as long as the block lasts; None where this host allows none."""
    layout = VERSION_2 if (ROOT / "cgroup.controllers").is_file() else VERSION_1
    _remove_orphans(layout)
    group = Cgroup(layout, f"leakboard-{os.getpid()}-{next(_serial)}")
    try:
        yield group if _made(group, memory, tasks) else None
    finally:
        group.remove()


def _remove_orphans(layout: Layout) -> None:
    """Remove the groups of processes that were killed before they could."""
    for folder in layout.folders["memory"].glob("leakboard-*-*"):
        _, maker, _ = folder.name.split("-")
        with suppress(FileNotFoundError):  # another process removed it first
            if folder.stat().st_uid == os.geteuid() and not Path("/proc", maker).exists():
                Cgroup(layout, folder.name).remove()


def _made(group: Cgroup, memory: int, tasks: int) -> bool:
    try:
        group.make(memory, tasks)
    except OSError:  # no controllers, or none that this process may use
        return False
    return True


def _fields(text: str) -> dict[str, int]:
    """Read lines `name number`."""
    return {name: int(value) for name, value in map(str.split, text.splitlines())}


def _kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        return  # it left in the meantime
