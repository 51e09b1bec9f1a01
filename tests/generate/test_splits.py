"""Splits: disjoint by subject, stratified, shared by releases, unknown without the secret."""

from collections.abc import Sequence

import numpy as np
import pytest

from leakboard.generate.datasets import Dataset, Index
from leakboard.generate.splits import SHARES, Splits, split
from leakboard.schemas import Licence, Secret, UsageError

KEY = Secret(b"a" * 32)


class Listed(Dataset):
    """A dataset that is only an index."""

    attributes = {"group": ("a", "b", "c")}
    stratum = "group"
    licence = Licence(name="none", redistributable=True, citation="none")
    revision = "1"

    def __init__(self, subjects: int, per_subject: int, official: int = 0) -> None:
        names = [f"s{i}" for i in range(subjects) for _ in range(per_subject)]
        groups = np.array([i % 3 for i in range(subjects) for _ in range(per_subject)])
        test = np.arange(len(names)) < official
        self.index = Index(
            keys=[f"k{i}" for i in range(len(names))],
            subjects=names,
            labels={"group": groups},
            official_test=test if official else None,
        )

    def encoded(self, rows: Sequence[int]) -> list[bytes]:
        return [b"" for _ in rows]


def subjects_of(dataset: Dataset, splits: Splits) -> dict[str, set[str]]:
    return {n: {dataset.index.subjects[r] for r in rows} for n, rows in splits.items()}


def test_every_image_is_in_one_split_and_no_subject_in_two() -> None:
    dataset = Listed(subjects=300, per_subject=5)
    splits = split(dataset, "listed", KEY)
    rows = np.concatenate(list(splits.values()))
    assert sorted(rows.tolist()) == list(range(1500))
    assert sum(map(len, subjects_of(dataset, splits).values())) == 300


def test_shares_hold_in_every_stratum() -> None:
    dataset = Listed(subjects=3000, per_subject=1)
    for name, rows in split(dataset, "listed", KEY).items():
        counts = np.bincount(dataset.index.labels["group"][rows], minlength=3)
        assert np.abs(counts - 1000 * SHARES[name]).max() <= 1


def test_official_test_images_are_the_test_split() -> None:
    dataset = Listed(subjects=6000, per_subject=1, official=1000)
    splits = split(dataset, "listed", KEY)
    assert sorted(splits["test"].tolist()) == list(range(1000))
    shares = {name: len(rows) / 5000 for name, rows in splits.items() if name != "test"}
    assert shares == pytest.approx(
        {"defender": 0.5, "auxiliary": 0.36, "validation": 0.1, "reserve": 0.04}, abs=0.001
    )


def test_a_limited_release_is_a_subset_of_the_full_one() -> None:
    dataset = Listed(subjects=1000, per_subject=2)
    full, limited = split(dataset, "listed", KEY), split(dataset, "listed", KEY, limit=500)
    assert all(set(limited[name]) < set(full[name]) for name in full)
    assert sum(map(len, limited.values())) == pytest.approx(500, abs=3)


def test_another_secret_gives_other_splits() -> None:
    dataset = Listed(subjects=900, per_subject=1)
    mine, other = (split(dataset, "listed", Secret(k * 32))["test"] for k in (b"a", b"b"))
    overlap = len(set(mine) & set(other)) / len(mine)
    assert overlap == pytest.approx(0.15, abs=0.1)  # chance, for a share of .15


def test_a_limit_that_empties_a_split_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r"--limit 10 of 100 images would leave the split .reserve. without one"
    ):
        split(Listed(subjects=100, per_subject=1), "listed", KEY, limit=10)
