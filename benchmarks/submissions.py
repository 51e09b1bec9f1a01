"""Submissions: 100 prediction files of 5,000 images each, from the queue to the board.

Ours is the whole worker: queue, checker, scorer, ledger and board. The baseline is nothing but
`score` on the same files in one process that is already warm: a ratio of 1 means that all the rest
costs nothing. One file in ten is scored by the baseline, half of them before and half after ours.
"""

import tempfile
import time
from pathlib import Path

import numpy as np

from ..evaluate import score
from ..generate import generate
from ..leaderboard.desk.desk import Desk
from ..leaderboard.desk.intake import receive
from ..leaderboard.worker.worker import Worker
from ..schemas import (
    Config,
    LeakboardError,
    PredictionHeader,
    Predictions,
    Release,
    Setting,
    Submission,
    Track,
)
from . import Case

FILES = 100
IMAGES = 5000
SHARE = 0.15  # of the images are in `test`
EVERY = 10  # files that the baseline scores: one in so many
RECIPE = {
    "name": "submissions",
    "scale": "smoke",
    "dataset": {
        "name": "synthetic",
        "task": "smiling",
        "sensitive": "gender",
        "size": 32,
        "images": round(IMAGES / SHARE),
        "identities": 2000,
    },
    "client": {"split_layer": "layer4"},
    "defense": {"name": "none"},
    "training": {"warmup_epochs": 0, "epochs": 0},
}


def run() -> dict[str, Case]:
    """Evaluate what waits on a desk, beside scoring the same files and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        return _run(Path(folder))


def _run(folder: Path) -> dict[str, Case]:
    config = Config.parse(RECIPE, "the benchmark's configuration")
    generate(config, folder / "release")
    release = Release.open(folder / "release")
    files = [_write(folder / f"{seed}.parquet", release, seed) for seed in range(FILES)]
    desk = _desk(folder / "board", release, files)
    score(release, files[0])  # warm, and what is read once
    chosen = files[::EVERY]
    bare = _scored(release, chosen[::2])
    start = time.perf_counter()
    Worker(desk, folder, drain=True).run()
    ours = time.perf_counter() - start
    bare += _scored(release, chosen[1::2])
    scored = sum(entry.event == "scored" for entry in desk.ledger())
    if scored != FILES:
        raise LeakboardError(f"expected {FILES} scored submissions, but the ledger has {scored}")
    count = len(release.asked_ids("test"))
    says = f"score alone, warm, on one file in {EVERY}; each of {count:,} images, attribute track"
    rates = (FILES / ours, len(chosen) / bare)
    return {"bare-score": Case.of(*rates, "submissions/s", says)}


def _scored(release: Release, files: list[Path]) -> float:
    start = time.perf_counter()
    for file in files:
        score(release, file)
    return time.perf_counter() - start


def _write(path: Path, release: Release, seed: int) -> Path:
    ids = release.asked_ids("test")
    drawn = np.random.default_rng(seed).dirichlet(np.ones(2), len(ids)).astype(np.float32)
    header = PredictionHeader(
        fingerprint=release.manifest.fingerprint,
        split="test",
        track=Track.ATTRIBUTE,
        attack="drawn",
        setting=Setting.AUXILIARY,
        auxiliary_records=1,
        leakboard_version="0",
    )
    Predictions(header, ids, drawn).write(path)
    return path


def _desk(board: Path, release: Release, files: list[Path]) -> Desk:
    """A desk on which all files wait."""
    desk = Desk.set_up(board)
    user = desk.user_of(desk.issue_token("bench", daily=FILES))
    declared = {
        "authors": ["the benchmark"],
        "track": "attribute",
        "setting": "auxiliary",
        "auxiliary_records": 1,
        "compute": "none",
        "seeds": [0],
        "licence": "CC0-1.0",
    }
    for file in files:
        submission = Submission.of({**declared, "name": f"drawn {file.stem}"})
        facts = {"fingerprint": release.manifest.fingerprint, "split": "test"}
        receive(desk, user, submission, file, private=False, **facts)
    return desk
