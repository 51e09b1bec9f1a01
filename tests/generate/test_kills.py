"""Killed at 50 random moments, `generate` ends with the bytes of an undisturbed run."""

import multiprocessing
import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest

from leakboard.generate import generate

from ..tiny import untrained_config
from .test_release import tree

pytestmark = pytest.mark.slow
KILLS = 50
# Untrained, so that every moment lies in the writing; test_interruptions.py kills the training.
CONFIG = untrained_config("none", images=240)


def start(out: Path) -> BaseProcess:
    """Run `generate` in a process that has imported everything already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["leakboard.generate"])
    settings: Any = {
        "secret": out.parent / "secret.key",
        "formats": ("parquet", "webdataset"),
        "shard_bytes": 300_000,  # a dozen records
    }
    process = context.Process(target=generate, args=(CONFIG, out), kwargs=settings)
    process.start()
    return process


def trees(out: Path) -> list[dict[str, str]]:
    return [tree(out.with_name(f"{out.name}{suffix}")) for suffix in ("", "-wds", "-truth")]


def test_fifty_kills_change_no_byte(tmp_path: Path) -> None:
    draws = random.Random(0)
    start(tmp_path / "first").join()  # starts the server
    began = time.monotonic()
    start(tmp_path / "undisturbed").join()
    seconds = time.monotonic() - began
    expected = trees(tmp_path / "undisturbed")
    assert len(expected[0]) > 20
    kills, made = 0, 0
    while kills < KILLS:
        out, made = tmp_path / f"killed-{made}", made + 1
        while not out.exists():
            process = start(out)
            process.join(draws.uniform(0.1, 0.6) * seconds)
            if process.is_alive():
                process.kill()
                kills += 1
            process.join()
            assert process.exitcode in (0, -signal.SIGKILL)
        assert trees(out) == expected
        assert not list(tmp_path.glob("*.partial"))
