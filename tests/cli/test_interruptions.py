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


def test_a_run_that_is_killed_in_mid_epoch_ends_with_the_same_bytes(
    config: Path, tmp_path: Path
) -> None:
    """SIGKILL leaves no time to tidy up: what counts is what lies on the disk."""
    key = tmp_path / "secret.key"
    key.write_text("5ec2e7" * 10 + "5ec2\n")
    often = "import leakboard.generate.training.checkpoints as c; c.SECONDS = 0.5; "
    main = "from leakboard.cli import main; main()"

    def command(out: str, before: str = "") -> list[str]:
        changes = ["--set", "training.epochs=4", "--set", "training.batch_size=8"]
        asked = ["generate", str(config), "--out", str(tmp_path / out), "--secret", str(key)]
        return [sys.executable, "-c", before + main, *asked, *changes]

    process = subprocess.Popen(command("killed", often), stderr=subprocess.DEVNULL)
    checkpoint = tmp_path / "killed.partial" / "checkpoint.safetensors"
    while not checkpoint.exists():
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert checkpoint.exists()
    for out in ("killed", "undisturbed"):
        subprocess.run(command(out), check=True, capture_output=True)
    assert not list(tmp_path.glob("*.partial"))
    assert tree(tmp_path / "killed") == tree(tmp_path / "undisturbed")
    assert tree(tmp_path / "killed-truth") == tree(tmp_path / "undisturbed-truth")


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}
