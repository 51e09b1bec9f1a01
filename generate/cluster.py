"""Make a release on a Ray cluster: the same shards, each share of them a task of its own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..schemas import UsageError
from .share import Share

SHARES_PER_CORE = 4  # so that cores which finish early find more to do
RETRIES = 5  # of a share whose worker dies; what that worker finished stays


def on_ray(make: Callable[..., list[Path]], address: str | None = None) -> list[Path]:
    """Train here, write the shards on the cluster at `address` (None: this machine), finish here.

    `make` is `generate` with all arguments but `share`. All machines must see its paths. Returns
    and raises as it does; `UsageError` where Ray is missing or there is no cluster. A run that was
    stopped continues, with this engine or without.
    """

    def write(share: Share) -> None:
        make(share=share)

    ray = _connected(address)
    try:
        world = SHARES_PER_CORE * int(ray.cluster_resources().get("CPU", 1))
        write(Share(0, world))
        task = ray.remote(num_cpus=1, max_retries=RETRIES)(write)
        ray.get([task.remote(Share(rank, world)) for rank in range(1, world)])
    except ray.exceptions.RayTaskError as problem:
        raise problem.cause from None
    finally:
        ray.shutdown()
    return make()


def _connected(address: str | None) -> Any:
    try:
        import ray
    except ImportError:
        raise UsageError(
            "the package ray is missing; pip install 'leakboard[ray]', or leave out --engine ray"
        ) from None
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    dashboard = None if address else False
    try:
        ray.init(address=address or "local", log_to_driver=False, include_dashboard=dashboard)
    except (ConnectionError, RuntimeError) as problem:
        reason = next(iter(str(problem).splitlines()), "no answer")
        raise UsageError(f"--address {address}: no Ray cluster is there ({reason})") from None
    return ray
