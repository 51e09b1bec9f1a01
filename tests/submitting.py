"""Submissions made by the tests: sound ones, for others to break."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leakboard.leaderboard import Desk, User, submit
from leakboard.leaderboard.desk import jobs
from leakboard.leaderboard.desk.jobs import Job
from leakboard.leaderboard.desk.likeness import Likeness
from leakboard.schemas import (
    PredictionHeader,
    Predictions,
    Release,
    Score,
    ScoreReport,
    Setting,
    Track,
)

DECLARED: dict[str, Any] = {
    "name": "linear probe",
    "authors": ["Ada Example"],
    "track": "attribute",
    "setting": "auxiliary",
    "auxiliary_records": 72,
    "compute": "1 min on one core",
    "seeds": [0],
    "licence": "CC-BY-4.0",
}


def header_of(release: Release, split: str = "test", **changes: Any) -> PredictionHeader:
    fields = {
        "fingerprint": release.manifest.fingerprint,
        "split": split,
        "track": Track.ATTRIBUTE,
        "attack": "drawn",
        "setting": Setting.AUXILIARY,
        "auxiliary_records": 72,
        "leakboard_version": "0",
    }
    return PredictionHeader.parse({**fields, **changes}, "a test's header")


def drawn(count: int, seed: int = 0) -> NDArray[np.float32]:
    """Probabilities of two classes."""
    values = np.random.default_rng(seed).dirichlet(np.ones(2), count)
    return values.astype(np.float32)


def write_file(
    path: Path,
    release: Release,
    seed: int = 0,
    *,
    split: str = "test",
    ids: Sequence[str] | None = None,
    values: NDArray[Any] | None = None,
    **changes: Any,
) -> Path:
    """A prediction file of the attribute track, sound unless something of it is given."""
    ids = release.asked_ids(split) if ids is None else ids
    values = drawn(len(ids), seed) if values is None else values
    given = Predictions(header_of(release, split, **changes), ids, values)
    pq.write_table(given.to_arrow(), path)  # `write` refuses what tests break
    return path


def write_declaration(path: Path, declared: dict[str, Any] | None = None) -> Path:
    """A TOML file of flat values, written by hand: Python only reads TOML."""
    lines = [f"{key} = {_toml(value)}" for key, value in (declared or DECLARED).items()]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else str(value)


def submit_drawn(
    desk: Desk, user: User, release: Release, folder: Path, seed: int, **options: Any
) -> str:
    """Submit drawn predictions, under a name of their own; returns the id."""
    file = write_file(folder / f"{seed}.parquet", release, seed, **options)
    about = write_declaration(folder / f"{seed}.toml")
    submitted = submit(desk, user, release, file, about, {"name": f"drawn {seed}"})
    assert submitted is not None
    return submitted


def taken(desk: Desk, submission_id: str, lease: float = 60) -> Job:
    """Take a submission as a worker does."""
    job = jobs.claim(desk, submission_id, lease)
    assert job is not None
    return job


def end_with(
    desk: Desk, submission_id: str, report: ScoreReport, reserve: Score | None = None
) -> None:
    """Take a submission to its end, with made scores."""
    job = taken(desk, submission_id)
    assert jobs.begin_scoring(desk, job, Likeness(content=submission_id * 2, sample="00"))
    jobs.score_of(desk, job, report.model_copy(update={"split": job.received.split}), reserve)
