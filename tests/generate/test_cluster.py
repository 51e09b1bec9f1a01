"""On Ray a release is the same bytes, also where a worker is killed; errors are as without."""

import os
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from leakboard.generate import Share, generate, on_ray
from leakboard.schemas import ActivationOverflow

from ..tiny import untrained_config
from .test_release import tree

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
CONFIG = untrained_config("none", images=240)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No token in the home folder and no statistics."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")


def test_a_worker_that_is_killed_changes_no_byte(tmp_path: Path) -> None:
    settings: Any = {
        "secret": tmp_path / "secret.key",
        "formats": ("parquet", "webdataset"),
        "shard_bytes": 200_000,  # eight records
    }
    generate(CONFIG, tmp_path / "alone", **settings)
    make = partial(generate, CONFIG, tmp_path / "ray", **settings)
    killed = tmp_path / "killed"

    def dying(share: Share | None = None) -> list[Path]:
        """Work at the third share, and be killed in the middle of it, the first time."""
        if share and share.rank == 2 and not killed.exists():
            killed.touch()
            threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGKILL)).start()
        return make(share=share)

    made = on_ray(dying)
    assert killed.exists()
    assert [path.name for path in made] == ["ray", "ray-wds"]
    for suffix in ("", "-wds", "-truth"):
        assert tree(tmp_path / f"alone{suffix}") == tree(tmp_path / f"ray{suffix}")


def test_an_error_on_the_cluster_is_the_error_itself() -> None:
    def failing(share: Share | None = None) -> list[Path]:
        if share and share.rank:
            raise ActivationOverflow(f"share {share.rank} is beyond float16")
        return []

    with pytest.raises(ActivationOverflow, match=r"^share \d is beyond float16$"):
        on_ray(failing)
