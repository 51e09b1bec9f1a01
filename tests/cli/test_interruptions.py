"""Ctrl-C and a full disk: one sentence, nothing half-written, and the same command continues."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakboard.generate import verify

from .test_bad_input import CONFIG

pytestmark = pytest.mark.slow
COMMAND = [sys.executable, "-c", "from leakboard.cli import main; main()"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(CONFIG.replace("epochs = 1", "epochs = 60"))
    return path


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB: real, so only for root on Linux."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        if os.environ.get("CI"):
            pytest.fail("a small file system cannot be mounted here")
        pytest.skip("mounting a small file system needs root on Linux")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_ctrl_c_stops_in_one_sentence_and_the_run_continues(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [*COMMAND, "generate", str(config), "--out", str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not (tmp_path / "out.partial" / "recipe.json").exists():
        time.sleep(0.05)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "leakboard: stopped" in err
    assert "Traceback" not in err
    assert not out.exists()
    subprocess.run(command, check=True, capture_output=True)
    assert verify(out) == []


def test_a_full_disk_is_said_so(config: Path, small_disk: Path) -> None:
    out = small_disk / "out"
    command = [*COMMAND, "generate", str(config), "--out", str(out), "--set", "training.epochs=1"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "the disk is full" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert not out.exists()
