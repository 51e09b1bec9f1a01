"""Freed memory is used again by the next step instead of being cleared anew by the kernel."""

import platform
import subprocess
import sys

import pytest

# Memory pages newly given to the process while it fills 64 MiB, which it had filled before.
STEP = """
import resource
import numpy as np
from leakboard.cli.memory import keep_freed_memory

{keep}
np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives it back at once")
def test_a_second_step_needs_no_new_memory() -> None:
    def pages(keep: str) -> int:
        code = STEP.format(keep=keep)
        return int(subprocess.check_output([sys.executable, "-c", code]))

    assert pages("keep_freed_memory()") * 10 < pages("")
