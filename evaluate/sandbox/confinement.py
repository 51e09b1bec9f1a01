"""The command line that confines a command: joins a control group, mounts, goes inside, drops.

Each step is a program of bubblewrap or util-linux, which runs the rest of the line.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath

from ...schemas import NoSandbox

PACKAGES = {
    "bwrap": "bubblewrap",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "prlimit": "util-linux",
    "mount": "mount",
    "tar": "tar",
}
OUT = "/out"  # the one folder to write to, besides the scratch folder /tmp of the same memory
EMPTY = "/empty"  # where a command starts
FILES = 256
OPEN_FILES = 512
FIRST_UID, UIDS = 61184, 4096  # numbers of no account, so that nothing on the host is theirs
STATUS = 3
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "TMPDIR": "/tmp", "LANG": "C.UTF-8"}
SHELL = "/bin/sh"
JOIN = 'while [ "$1" != -- ]; do echo $$ > "$1" || exit 1; shift; done; shift; exec "$@"'
# Its output: lines of status, then an archive of what lies in the folder when all is over.
STAGE = f"""
set -e
stage=$1 size=$2 owner=$3; shift 3
mount -t tmpfs -o "size=$size,nr_inodes={FILES},mode=0755,nosuid,nodev" leakboard "$stage"
mkdir "$stage/out" "$stage/tmp"
chown "$owner" "$stage/out" "$stage/tmp"
"$@" {STATUS}>&1 >&2 || true
stat --file-system --format '{{"free": %a}}' "$stage"
exec tar --create --directory "$stage/out" --file - .
"""


@dataclass(frozen=True)
class Walls:
    """How this machine confines: by root, who drops to a user number of its own, or by a user.

    A user without privileges builds the same in a user namespace, and stays that user outside it.
    """

    by_root: bool

    @classmethod
    def here(cls) -> "Walls":
        """How this process would confine."""
        return cls(os.geteuid() == 0)

    @property
    def tools(self) -> Mapping[str, str]:
        """The programs' paths; `NoSandbox` says which package is to be installed."""
        return _tools()

    def outside(self, doors: Iterator[str], stage: str, disk: int) -> Iterator[str]:
        """Join control groups by their `doors`; mount `disk` bytes on `stage`, seen by no one."""
        yield from (SHELL, "-c", JOIN, "join", *doors, "--", self.tools["unshare"])
        yield from () if self.by_root else ("--user", "--map-root-user")
        yield from ("--mount", "--propagation", "private")
        yield from (self.tools["setpriv"], "--pdeathsig", "KILL", SHELL, "-c", STAGE, "stage")
        owner = _uid() if self.by_root else 0
        yield from (stage, str(disk), f"{owner}:{owner}")

    def inside(
        self, inputs: Mapping[str, Path], stage: str, environment: Mapping[str, str], rules: int
    ) -> Iterator[str]:
        """Build the world: the system and `inputs` to read, one folder to write, nothing else."""
        yield from (self.tools["bwrap"], "--unshare-ipc", "--unshare-pid", "--unshare-net")
        yield from ("--unshare-uts", "--unshare-cgroup-try", "--die-with-parent", "--new-session")
        yield from ("--clearenv", "--cap-drop", "ALL")
        if self.by_root:  # what `dropped` needs, and drops too
            for needed in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP"):
                yield from ("--cap-add", needed)
        else:
            yield from ("--unshare-user", "--uid", "65534", "--gid", "65534", "--disable-userns")
        yield from _system()
        # Before the inputs, which may lie below /tmp.
        yield from ("--bind", f"{stage}/out", OUT, "--bind", f"{stage}/tmp", "/tmp")
        for there, here in inputs.items():
            yield from ("--dir", str(PurePosixPath(there).parent))  # else its mode would be 0700
            yield from ("--ro-bind", str(here.resolve()), there)
        yield from ("--dir", EMPTY, "--chdir", EMPTY)
        yield from ("--remount-ro", "/", "--remount-ro", "/dev")
        for name, value in {**ENVIRONMENT, **environment}.items():
            yield from ("--setenv", name, value)
        yield from ("--seccomp", str(rules), "--json-status-fd", str(STATUS), "--")

    def limited(
        self, *, cpu_seconds: int, disk: int, tasks: int, memory: int | None
    ) -> Iterator[str]:
        """Limit each process; `memory` is its address space."""
        yield from (self.tools["prlimit"], "--core=0", f"--nofile={OPEN_FILES}")
        yield from (f"--fsize={disk}", f"--cpu={cpu_seconds}:{cpu_seconds + 1}", f"--nproc={tasks}")
        yield from () if memory is None else (f"--as={memory}",)

    def dropped(self) -> Iterator[str]:
        """Give up the user number and every privilege."""
        yield from (self.tools["setpriv"], "--no-new-privs", "--inh-caps=-all")
        if self.by_root:
            yield from ("--bounding-set=-all", "--clear-groups")
            yield from (f"--reuid={_uid()}", f"--regid={_uid()}")


@cache
def _tools() -> dict[str, str]:
    tools = {}
    for name, package in PACKAGES.items():
        path = shutil.which(name)
        if path is None:
            raise NoSandbox(
                f"sandbox not available: install {package} (apt-get install {package}), which has "
                f"the program {name}"
            )
        tools[name] = path
    return tools


def _uid() -> int:
    return FIRST_UID + os.getpid() % UIDS


def _system() -> Iterator[str]:
    """The system's programs and libraries, and of its settings only where libraries lie."""
    yield from ("--ro-bind", "/usr", "/usr", "--proc", "/proc", "--dev", "/dev")
    for folder in map(Path, ("/bin", "/sbin", "/lib", "/lib64")):
        if folder.is_symlink():
            yield from ("--symlink", os.readlink(folder), str(folder))
        elif folder.exists():
            yield from ("--ro-bind", str(folder), str(folder))
    yield from ("--dir", "/etc")
    for setting in ("/etc/ld.so.cache", "/etc/alternatives"):
        yield from ("--ro-bind-try", setting, setting)
