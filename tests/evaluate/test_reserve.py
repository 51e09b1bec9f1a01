"""The reserve: what a model reads on records that are in no public file."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from leakboard.evaluate import Records, reserve_score
from leakboard.evaluate.scoring.reserve import read_reserve
from leakboard.evaluate.submitted.submitted import Submitted
from leakboard.generate import generate
from leakboard.schemas import ChecksumMismatch, MissingData, Release, Setting, Track, default_truth

from ..tiny import untrained_config

PEOPLE = 400


@dataclass(frozen=True)
class Knowing(Submitted):
    """Says of each record what it was told, and keeps what it was shown."""

    told: NDArray[np.float32] | None = None

    def answers(self, release: Release, records: Records, *, seconds: float) -> NDArray[Any]:
        withheld = (records.inputs, records.task, records.sensitive, records.subject)
        assert all(answer is None for answer in withheld)
        assert self.told is not None
        return self.told[: len(records)]


def knowing(told: NDArray[np.float32]) -> Knowing:
    return Knowing(Path("m"), "m", Track.ATTRIBUTE, Setting.AUXILIARY, 0, told)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release with several people in its reserve."""
    folder = tmp_path_factory.mktemp("many") / "release"
    generate(untrained_config("none", images=PEOPLE, identities=PEOPLE), folder)
    return Release.open(folder)


def test_the_reserve_is_in_no_public_split(many: Release) -> None:
    reserve = read_reserve(many)
    assert len(reserve) == round(0.02 * PEOPLE)
    for split in many.manifest.splits:
        public = many.table(split, ("sample_id",)).column("sample_id").to_pylist()
        assert set(public).isdisjoint(reserve.sample_id)


def test_a_model_is_scored_by_what_it_says_of_the_reserve(many: Release) -> None:
    labels = read_reserve(many).known("sensitive").numpy()
    right = np.eye(2, dtype=np.float32)[labels]
    half = right.copy()
    half[::2] = 1 - half[::2]
    scores = [reserve_score(many, knowing(said), seconds=1) for said in (right, half, 1 - right)]
    assert all(score is not None and score.n == len(labels) for score in scores)
    assert [score.value for score in scores if score] == [1.0, 0.5, 0.0]


def test_a_reserve_of_one_person_has_no_score(release: Release) -> None:
    people = len(set(read_reserve(release).subject or ()))
    told = np.full((100, 2), 0.5, np.float32)
    assert (reserve_score(release, knowing(told), seconds=1) is None) == (people == 1)


def test_without_the_truth_there_is_no_reserve(many: Release, tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"truth\.json"):
        read_reserve(many, tmp_path)
    shutil.copy(default_truth(many.folder) / "truth.json", tmp_path)
    with pytest.raises(ChecksumMismatch, match="reserve-"):
        read_reserve(many, tmp_path)
