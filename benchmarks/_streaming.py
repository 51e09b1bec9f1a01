"""Rows per second over HTTP: a split streamed from a Hub, and plain downloads of its shards.

`python -m leakboard.benchmarks._streaming SPLIT` prints them as JSON. It is a process of its own
since the Hub's client takes its address, `HF_ENDPOINT`, and its cache from the environment.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from subprocess import PIPE, Popen, check_output
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO
from urllib.request import urlopen

from huggingface_hub import constants, get_session

from ..evaluate import open_release
from ._hub import FILES, REPOSITORY

REPEATS = 5  # the fastest counts, on every side
BATCH = 64

Fetch = Callable[[str, IO[bytes]], None]


def over_http(release: Path, split: str) -> dict[str, float]:
    """Rows per second of `http`, ours, and of downloads by the Hub's `client` and by `urllib`."""
    python = [sys.executable, "-m"]
    serve = [*python, f"{__package__}._hub", str(release)]
    with TemporaryDirectory() as cache, Popen(serve, stdout=PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            hub = {"HF_ENDPOINT": server.stdout.readline().strip(), "HF_HUB_CACHE": cache}
            quiet = {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}
            printed = check_output([*python, __name__, split], env=os.environ | hub | quiet)
        finally:
            server.terminate()
    rates: dict[str, float] = json.loads(printed)
    return rates


def main(split: str) -> None:
    """Measure the three in turn, a few times."""
    shards = open_release(REPOSITORY, split).shards
    rows = sum(shard.rows for shard in shards)
    urls = [f"{constants.ENDPOINT}{FILES}{shard.path}" for shard in shards]
    ways: dict[str, Callable[[], None]] = {
        "http": lambda: _stream(split),
        "client": lambda: _download(urls, _by_client),
        "urllib": lambda: _download(urls, _by_urllib),
    }
    rates = dict.fromkeys(ways, 0.0)
    for _ in range(REPEATS):
        for name, way in ways.items():
            rates[name] = max(rates[name], rows / _seconds(way))
    print(json.dumps(rates))


def _stream(split: str) -> None:
    for batch in open_release(REPOSITORY, split, ("activation",)).batches(BATCH):
        assert len(batch["activation"]) <= BATCH


def _download(urls: list[str], fetch: Fetch) -> None:
    for url in urls:
        with TemporaryFile(dir=constants.HF_HUB_CACHE) as file:
            fetch(url, file)


def _by_client(url: str, file: IO[bytes]) -> None:
    """Take what comes, by the HTTP library of the Hub's client."""
    with get_session().stream("GET", url) as response:
        for part in response.iter_bytes():
            file.write(part)


def _by_urllib(url: str, file: IO[bytes]) -> None:
    with urlopen(url) as response:
        shutil.copyfileobj(response, file, 2**20)


def _seconds(way: Callable[[], None]) -> float:
    """Time from an empty cache."""
    cache = Path(constants.HF_HUB_CACHE)
    shutil.rmtree(cache)
    cache.mkdir()
    start = time.perf_counter()
    way()
    return time.perf_counter() - start


if __name__ == "__main__":
    main(sys.argv[1])
