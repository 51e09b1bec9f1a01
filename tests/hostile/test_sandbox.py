"""Programs that try to get out, or to take more than they are given."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from leakboard.evaluate.sandbox.cgroups import ROOT, Cgroup
from leakboard.evaluate.sandbox.confinement import Walls
from leakboard.evaluate.sandbox.sandbox import Limits, Sandbox
from leakboard.schemas import NoSandbox

from .conftest import CANARY, SMALL, RunScript

pytestmark = pytest.mark.slow

# Each looks for the truth whose path is its argument, and prints whatever it can get hold of.
THIEVES = {
    "opens_the_path": "print(open(path).read())",
    "climbs_with_dots": "print(open('../' * 20 + path).read())",
    "leaves_a_symbolic_link": "os.symlink(path, '/out/link')",
    "leaves_a_hard_link": "os.link(path, '/out/link')",
    "follows_a_symbolic_link": "os.symlink(path, '/tmp/l'); print(open('/tmp/l').read())",
    "links_the_folder": "os.symlink(os.path.dirname(path), '/out/folder')",
    "searches_everywhere": "print(*[open(os.path.join(folder, name)).read() "
    "for folder, _, names in os.walk('/') for name in names if name == os.path.basename(path)])",
    "reads_the_environment": "print(os.environ)",
    "reads_the_first_environment": "print(open('/proc/1/environ').read())",
    "reads_every_environment": "print(*[open(f'/proc/{p}/environ').read() "
    "for p in os.listdir('/proc') if p.isdigit() and p != '1'])",
    "enters_the_root_of_another": "print(open('/proc/1/root' + path).read())",
    "enters_the_folder_of_another": "print(open('/proc/1/cwd' + path).read())",
    "reads_inherited_files": "print(*[os.pread(fd, 99, 0) for fd in range(3, 512) if held(fd)])",
    "reads_the_memory_of_another": "print(open('/proc/1/mem', 'rb').read(99))",
    "mounts_the_disk": "libc.mount(b'/dev/vda', b'/tmp', b'ext4', 1, 0); "
    "assert ctypes.get_errno(); print(os.listdir('/tmp'))",
    "makes_a_device_of_the_disk": "os.mknod('/tmp/disk', 0o60600, os.makedev(254, 0)); "
    "print(open('/tmp/disk', 'rb').read(99))",
    "leaves_its_namespace": "assert libc.unshare(0x10000000 | 0x20000); print(open(path).read())",
    "joins_the_namespace_of_another": "fd = os.open('/proc/1/ns/mnt', 0); "
    "assert libc.setns(fd, 0); print(open(path).read())",
    "changes_its_root": "os.chroot('/proc/1/root'); print(open(path).read())",
    "becomes_root": "os.setuid(0); print(open(path).read())",
    "asks_a_setuid_program": "print(subprocess.run(['/usr/bin/su', '-c', 'cat ' + path], "
    "capture_output=True, text=True, stdin=subprocess.DEVNULL))",
    "traces_the_first": "assert not libc.ptrace(16, 1, 0, 0); print(open('/proc/1/maps').read())",
    "opens_by_handle": "print(libc.open_by_handle_at(-100, 0, 0), open(path).read())",
    "loads_a_program_into_the_kernel": "assert libc.syscall(321, 0, 0, 0) == -1; open(path)",
    "asks_the_ring": "assert libc.syscall(425, 8, 0) == -1; open(path)",
    "sets_what_takes_a_core": "open('/proc/sys/kernel/core_pattern', 'w').write('|/bin/cat x')",
    "writes_the_interpreter": "open(os.__file__, 'a').write('#')",
    "writes_its_own_script": "open(__file__, 'a').write('#')",
    "signals_everyone": "os.kill(-1, 9)",
}
PREAMBLE = """
import ctypes, os, subprocess, sys
path = sys.argv[1]
libc = ctypes.CDLL(None, use_errno=True)

def held(fd):
    return os.path.exists(f"/proc/self/fd/{fd}")
"""


@pytest.mark.parametrize("name", THIEVES)
def test_the_truth_does_not_leave(run_script: RunScript, truth: Path, name: str) -> None:
    ran = run_script(PREAMBLE + THIEVES[name], truth)
    assert CANARY not in ran.gained
    assert ran.outcome.limit is None
    assert not any(path.is_symlink() for path in ran.output.iterdir())


def test_outside_the_same_thieves_find_it(truth: Path) -> None:
    """So the tests above would notice."""
    for name in ("opens_the_path", "climbs_with_dots", "reads_the_environment"):
        command = [sys.executable, "-c", PREAMBLE + THIEVES[name], str(truth)]
        assert CANARY in subprocess.run(command, capture_output=True, text=True).stdout, name


# Each tries to reach another machine, this one, or the host of a virtual machine.
CALLERS = {
    "resolves_a_name": "socket.getaddrinfo('example.com', 80)",
    "calls_an_address": "socket.create_connection(('192.0.2.1', 80), timeout=5)",
    "calls_this_machine": "socket.create_connection(('127.0.0.1', port), timeout=5)",
    "sends_a_datagram": "socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', port))",
    "calls_the_hypervisor": "socket.socket(40, socket.SOCK_STREAM).connect((2, 1024))",
    "opens_a_raw_socket": "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
    "asks_the_kernel": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "calls_a_socket_without_a_file": "socket.socket(socket.AF_UNIX).connect('\\0leakboard-test')",
}


@pytest.mark.parametrize("name", CALLERS)
def test_nobody_is_called(run_script: RunScript, name: str) -> None:
    abstract = socket.socket(socket.AF_UNIX)
    with socket.create_server(("127.0.0.1", 0)) as server, abstract:
        abstract.bind("\0leakboard-test")
        abstract.listen()
        preamble = f"import socket; port = {server.getsockname()[1]}\n"
        ran = run_script(f"{preamble}{CALLERS[name]}\nprint('got through')")
    assert "got through" not in ran.outcome.log
    assert ran.outcome.exit == 1


# Each takes what there is of something; the limit that stops it.
GLUTTONS: dict[str, tuple[str, set[str | None]]] = {
    "fills_the_memory": ("x = [bytearray(2**24) for _ in range(1000)]", {"memory"}),
    "fills_the_memory_in_children": (
        "for _ in range(8):\n    if not os.fork(): x = bytearray(2**26); time.sleep(9)\nos.wait()",
        {"memory"},
    ),
    "fills_the_disk": ("open('/out/x', 'wb').write(bytes(2**24))", {"disk"}),
    "fills_the_disk_with_files": (
        "for n in range(100): open(f'/out/{n}', 'wb').write(bytes(2**20))",
        {"disk"},
    ),
    "fills_the_scratch_folder": ("open('/tmp/x', 'wb').write(bytes(2**24))", {"disk"}),
    "makes_files_without_end": ("for n in range(10**6): open(f'/out/{n}', 'w')", {None}),
    "promises_a_huge_file": ("os.truncate(os.open('/out/x', 66), 2**40)", {None}),
    "fills_the_shared_memory": ("open('/dev/shm/x', 'wb').write(bytes(2**24))", {None}),
    "prints_without_end": ("while True: print('x' * 999)", {"log"}),
    "complains_without_end": ("while True: print('x' * 999, file=sys.stderr)", {"log"}),
    "forks_without_end": ("while True: os.fork()", {"tasks", "cpu", "log", "time"}),
    "forks_and_forgets": (
        "for _ in range(10**4):\n    if os.fork(): os._exit(1)\n    os.setsid()",
        {None, "tasks"},
    ),
    "starts_threads_without_end": (
        "import threading\nwhile True: threading.Thread(target=time.sleep, args=(9,)).start()",
        {"tasks", "time"},
    ),
    "computes_without_end": ("while True: pass", {"cpu"}),
    "ignores_the_end_of_its_time": (
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
        {"cpu"},
    ),
    "computes_in_children": (
        "for _ in range(4): os.fork()\nwhile True: pass",
        {"cpu"},
    ),
    "sleeps_for_ever": ("time.sleep(10**6)", {"time"}),
    "ignores_being_asked_to_end": (
        "import signal\nfor s in (1, 2, 15): signal.signal(s, signal.SIG_IGN)\ntime.sleep(10**6)",
        {"time"},
    ),
    "closes_its_output_and_sleeps": ("os.close(1); os.close(2); time.sleep(10**6)", {"time"}),
    "opens_files_without_end": ("fds = [os.open('/dev/null', 0) for _ in range(10**6)]", {None}),
}


@pytest.mark.parametrize("name", GLUTTONS)
def test_it_is_stopped_at_its_limit(run_script: RunScript, name: str) -> None:
    code, limits = GLUTTONS[name]
    patience = 20.0 if "time" not in limits else 3.0  # others may want the processors too
    given = SMALL.model_copy(update={"cpu_seconds": 1, "seconds": patience})
    start = time.monotonic()
    ran = run_script(f"import os, sys, time\n{code}", limits=given)
    assert time.monotonic() - start < given.seconds + 3
    assert not ran.outcome.done
    assert ran.outcome.limit in limits
    assert ran.outcome.peak_memory is None or ran.outcome.peak_memory <= given.memory
    assert sum(path.stat().st_size for path in ran.output.iterdir()) <= given.disk
    assert not list(ROOT.glob(f"*/leakboard-{os.getpid()}-*"))


def test_without_children_threads_start_and_processes_do_not(run_script: RunScript) -> None:
    code = """
import os, subprocess, threading
threading.Thread(target=print, args=("a thread",)).start()
for start in (os.fork, lambda: os.posix_spawn("/bin/true", ["true"], {}),
              lambda: subprocess.run(["/bin/true"])):
    try:
        start()
        print("a process")
    except OSError as refused:
        print(refused.errno)
"""
    ran = run_script(code, limits=SMALL.model_copy(update={"children": False}))
    assert ran.outcome.log.split("\n")[:4] == ["a thread", "1", "1", "1"]


def test_what_it_prints_cannot_move_the_cursor(run_script: RunScript) -> None:
    ran = run_script(r"print('\x1b[2J\x1b]0;title\x07 plain \u202e')")
    assert ran.outcome.log == "\ufffd[2J\ufffd]0;title\ufffd plain \ufffd\n"


def test_only_plain_files_are_kept(run_script: RunScript) -> None:
    code = """
import os
open("/out/plain", "w").write("kept")
os.mkfifo("/out/pipe")
os.mkdir("/out/folder")
open("/out/folder/deep", "w").write("x")
os.link("/out/plain", "/out/twice")
os.symlink("plain", "/out/link")
"""
    ran = run_script(code)
    assert ran.outcome.done
    (kept,) = ran.output.iterdir()
    assert kept.read_text() == "kept"
    names = {name.removeprefix("./") for name in ran.outcome.left_out}
    assert names | {kept.name} == {"plain", "twice", "pipe", "folder", "folder/deep", "link"}


def test_nothing_outlives_the_process_that_asked(tmp_path: Path, sandbox: Sandbox) -> None:
    """Killed with -9 in the middle of a run, it takes the run with it."""
    name = f"leakboard-orphan-{os.getpid()}"
    code = f"""
from pathlib import Path
from leakboard.evaluate.sandbox.sandbox import Limits, Sandbox
from leakboard.schemas import NoSandbox
command = ["/bin/bash", "-c", "exec -a {name} sleep 60"]
Sandbox.find().run(command, {{}}, Path("out"), Limits(seconds=60))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path) as asking:
        started = eventually(lambda: running(name))
        asking.kill()
    assert started
    assert eventually(lambda: not running(name))


def running(name: str) -> bool:
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
            if path.read_bytes().startswith(name.encode()):
                return True
    return False


def eventually(happens: Callable[[], bool]) -> bool:
    end = time.monotonic() + 120
    while time.monotonic() < end:
        if happens():
            return True
        time.sleep(0.05)
    return False


def test_without_control_groups_one_process_is_held_to_its_limits(
    run_script: RunScript, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make(group: Cgroup, memory: int, tasks: int) -> None:
        raise PermissionError("a host that lets nobody make one")

    monkeypatch.setattr(Cgroup, "make", make)
    alone = SMALL.model_copy(update={"children": False, "cpu_seconds": 1})
    hungry = run_script("x = bytearray(2**29)", limits=alone)
    assert hungry.outcome.log.endswith("MemoryError\n")
    busy = run_script("while True: pass", limits=alone)
    assert busy.outcome.limit == "cpu"
    with pytest.raises(NoSandbox, match="control groups"):
        run_script("pass", limits=SMALL)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_a_user_without_privileges_is_confined_too(tmp_path: Path, sandbox: Sandbox) -> None:
    """The same walls in a user namespace; without control groups a process counts for itself."""
    with subprocess.Popen(["sleep", "60"], user=1000) as neighbour:
        child = os.fork()
        if child == 0:
            try:
                os._exit(as_a_user(neighbour.pid))
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert neighbour.poll() is None
        os.kill(neighbour.pid, signal.SIGKILL)


def as_a_user(neighbour: int) -> int:
    """In a process of its own: become a user, run something as hostile, look what it got."""
    os.setgroups([])
    os.setresgid(1000, 1000, 1000)
    os.setresuid(1000, 1000, 1000)
    ways = f"kill -9 {neighbour}; echo x > /dev/shm/x; echo x > /usr/x; id -u &"
    script = f"echo kept > /out/a; {ways}"
    with tempfile.TemporaryDirectory() as output:
        command = ["/bin/sh", "-c", script]
        ran = Sandbox(Walls(by_root=False)).run(command, {}, Path(output), Limits(seconds=10))
        kept = [path.read_text() for path in Path(output).iterdir()]
    expected = ("No such process", "/dev/shm/x: Read-only", "/usr/x: Read-only", "Cannot fork")
    return 0 if kept == ["kept\n"] and all(said in ran.log for said in expected) else 1
