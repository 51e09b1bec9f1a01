"""The system calls that a sandboxed process is refused, as a program for the kernel's filter."""

import errno
import os
import socket
import tempfile
from itertools import chain

from ...schemas import NoSandbox

# Most of it needs privileges that the process does not have, and is refused all the same.
REFUSED = {
    "other processes": ("ptrace", "process_vm_readv", "process_vm_writev", "kcmp", "pidfd_getfd"),
    "mounts": ("mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount"),
    "new mounts": ("fsopen", "fsconfig", "fsmount", "fspick", "mount_setattr"),
    "namespaces": ("unshare", "setns"),
    "files by number": ("name_to_handle_at", "open_by_handle_at", "lookup_dcookie"),
    "keys": ("keyctl", "add_key", "request_key"),
    "programs in the kernel": ("bpf", "perf_event_open", "userfaultfd", "init_module"),
    "other kernels": ("finit_module", "delete_module", "kexec_load", "kexec_file_load"),
    "unfiltered calls": ("io_uring_setup", "io_uring_enter", "io_uring_register"),
    "the clock": ("settimeofday", "clock_settime", "clock_adjtime", "adjtimex"),
    "the host": ("swapon", "swapoff", "reboot", "acct", "quotactl", "syslog", "sethostname"),
    "its devices": ("setdomainname", "iopl", "ioperm", "vhangup"),
}
CLONE_THREAD = 0x00010000
CLONE_NEWUSER = 0x10000000


def filter_program(children: bool) -> bytes:
    """Compile the filter; without `children` a process may start threads, but no process.

    Sockets are refused but for those between processes of one machine: where there is no network
    there are still ways to the host of a virtual machine. Raises `NoSandbox` without libseccomp.
    """
    try:
        from pyseccomp import ALLOW, ERRNO, MASKED_EQ, NE, Arg, SyscallFilter
    except (ImportError, RuntimeError) as problem:  # without the package; without the C library
        raise NoSandbox(
            f"sandbox not available: its filter of system calls cannot be compiled ({problem}); "
            "pip install 'leakboard[models]' and install libseccomp (apt-get install libseccomp2)"
        ) from None
    refuse = ERRNO(errno.EPERM)
    rules = SyscallFilter(ALLOW)
    for name in chain.from_iterable(REFUSED.values()):
        rules.add_rule(refuse, name)
    rules.add_rule(refuse, "socket", Arg(0, NE, socket.AF_UNIX))
    rules.add_rule(refuse, "clone", Arg(0, MASKED_EQ, CLONE_NEWUSER, CLONE_NEWUSER))
    # Its flags lie in memory, where a filter cannot look; the C library then takes `clone`.
    rules.add_rule(ERRNO(errno.ENOSYS), "clone3")
    if not children:
        rules.add_rule(refuse, "clone", Arg(0, MASKED_EQ, CLONE_THREAD, 0))
        rules.add_rule(refuse, "fork")
        rules.add_rule(refuse, "vfork")
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0)
