"""Who goes into which split: by subject, stratified, decided by the secret.

All releases of a dataset made with one secret share the splits, whatever the task, the sensitive
attribute, the defense or the seed, so that defenses are compared on the same images.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..schemas import Secret, UsageError
from .datasets import Dataset, Index

SHARES = {"defender": 0.45, "auxiliary": 0.30, "validation": 0.08, "test": 0.15, "reserve": 0.02}
# With an official test set (CIFAR-10) the rest is 25,000 / 18,000 / 5,000 / 2,000 of 50,000.
SHARES_WITH_OFFICIAL_TEST = {
    "defender": 0.50,
    "auxiliary": 0.36,
    "validation": 0.10,
    "reserve": 0.04,
}

Rows = NDArray[np.int64]
Splits = Mapping[str, Rows]


def split(dataset: Dataset, name: str, secret: Secret, limit: int | None = None) -> Splits:
    """Divide the images of a dataset; rows per split, in an order that only the secret gives.

    No subject is in two splits. The subjects are ordered by an HMAC of the secret, stratum by
    stratum, and cut at the shares. `limit` keeps about that many images: the first of each split,
    so that a limited release is a subset of the full one.
    """
    index = dataset.index
    ranks = {
        subject: secret.digest("split", name, subject) for subject in sorted(set(index.subjects))
    }
    order = np.array(sorted(range(len(index)), key=lambda row: ranks[index.subjects[row]]))
    official = index.official_test
    if official is None:
        parts = _cut(index, dataset.stratum, order, SHARES)
    else:
        parts = _cut(index, dataset.stratum, order[~official[order]], SHARES_WITH_OFFICIAL_TEST)
        parts["test"] = order[official[order]]
    return {part: _limited(part, rows, len(index), limit) for part, rows in parts.items()}


def sizes(images: int, official: int, limit: int | None = None) -> dict[str, int]:
    """About how many images each split will hold, `official` of them being official test images.

    >>> sizes(60_000, 10_000)
    {'defender': 25000, 'auxiliary': 18000, 'validation': 5000, 'reserve': 2000, 'test': 10000}
    """
    shares = SHARES_WITH_OFFICIAL_TEST if official else SHARES
    whole = {name: share * (images - official) for name, share in shares.items()}
    if official:
        whole["test"] = official
    kept = min(limit or images, images) / images
    return {name: round(kept * count) for name, count in whole.items()}


def _cut(index: Index, stratum: str, order: Rows, shares: Mapping[str, float]) -> dict[str, Rows]:
    """Cut at the shares, with every stratum spread evenly over the one list that is cut.

    A subject's place in that list is its relative place within its stratum, so that even strata
    of a few subjects leave the shares of the whole exact.
    """
    strata = _stratum_of_subject(index, index.labels[stratum])[order]
    place = np.empty(len(order))
    for value in np.unique(strata):
        members = np.flatnonzero(strata == value)
        place[members] = _middles(index, order[members])
    spread = order[np.argsort(place, kind="stable")]
    edges = np.cumsum(list(shares.values()))[:-1]
    chosen = np.searchsorted(edges, _middles(index, spread), side="right")
    return {name: spread[chosen == number] for number, name in enumerate(shares)}


def _middles(index: Index, rows: Rows) -> NDArray[np.float64]:
    """Where the middle of each row's subject lies among `rows`, which keep subjects together."""
    names = np.array([index.subjects[row] for row in rows])
    starts = np.flatnonzero(np.r_[True, names[1:] != names[:-1]])
    sizes = np.diff(np.r_[starts, len(rows)])
    middles: NDArray[np.float64] = np.repeat((starts + sizes / 2) / len(rows), sizes)
    return middles


def _stratum_of_subject(index: Index, labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Give every image of a subject the subject's first label, so that subjects stay whole."""
    first: dict[str, int] = {}
    for subject, label in zip(index.subjects, labels.tolist(), strict=True):
        first.setdefault(subject, label)
    return np.array([first[subject] for subject in index.subjects])


def _limited(part: str, rows: Rows, total: int, limit: int | None) -> Rows:
    kept = rows[: round(len(rows) * min(limit or total, total) / total)]
    if len(kept) == 0:
        few = f"the {total} images" if limit is None else f"--limit {limit} of {total} images"
        mend = "a larger dataset" if limit is None else "a larger --limit"
        raise UsageError(f"{few} would leave the split {part!r} without one; give {mend}")
    return kept
