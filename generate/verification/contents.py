"""Compare the splits of a release as wholes: leaks in each, near duplicates between them."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ...schemas import LeakboardError, Manifest, Release, Truth
from ..datasets import decode
from .leak_lint import Hidden, Visible, leaks
from .near_duplicates import Hashes, near_duplicates, perceptual_hash

NEAR_SHARE = 0.02  # of a split; that of CIFAR-10 as published is .004
AT_ONCE = 256  # images in memory
SMALL = ("sample_id", "image_id", "query", "task", "sensitive", "subject", "source")


@dataclass(frozen=True)
class Problem:
    """What is wrong, and in which file."""

    file: str
    problem: str


@dataclass
class Contents:
    """Names, labels and image hashes of every record read so far, by split."""

    manifest: Manifest
    named: dict[str, list[pa.Table]] = field(default_factory=dict)
    hashes: dict[str, list[Hashes]] = field(default_factory=dict)
    wrong: list[Problem] = field(default_factory=list)

    def add(self, split: str, table: pa.Table) -> None:
        """Take the next records of a split; images are decoded, hashed and let go."""
        small = [name for name in SMALL if name in table.column_names]
        self.named.setdefault(split, []).append(table.select(small))
        if "input" in table.column_names:
            self._hash(split, table.filter(pc.equal(table.column("query"), 0)).column("input"))

    def add_truth(self, release: Release, folder: Path) -> None:
        """Take the answers of the test split, where the organiser's truth is at hand."""
        if not folder.is_dir():
            return
        try:
            answers = Truth.open(folder, release).answers()
        except LeakboardError as problem:
            self.wrong.append(Problem("manifest.json", f"the truth beside it: {problem}"))
            return
        self.named["test"] = []
        self.add("test", answers)

    def problems(self) -> Iterator[Problem]:
        """Everything that only shows when splits are seen whole."""
        yield from self.wrong
        for split, tables in self.named.items():
            table = pa.concat_tables(tables)
            if "subject" in table.column_names:
                for leak in leaks(*_first_queries(table)):
                    yield Problem("manifest.json", f"{split}: {leak}")
        yield from self._near_duplicates()

    def _hash(self, split: str, inputs: pa.ChunkedArray) -> None:
        size = self.manifest.dataset.image_size
        for start in range(0, len(inputs), AT_ONCE):
            contents = inputs.slice(start, AT_ONCE).to_pylist()
            try:
                images = [decode(image["bytes"], size) for image in contents]
            except LeakboardError as problem:
                self.wrong.append(Problem("manifest.json", f"{split}: an input is bad: {problem}"))
                return
            self.hashes.setdefault(split, []).append(perceptual_hash(images))

    def _near_duplicates(self) -> Iterator[Problem]:
        hashes = {split: np.concatenate(parts) for split, parts in self.hashes.items()}
        if not hashes:
            return
        sizes = [len(part) for part in hashes.values()]
        groups = np.repeat(np.arange(len(sizes)), sizes)
        found = near_duplicates(np.concatenate(list(hashes.values())), groups)
        for number, split in enumerate(hashes):
            share = found[groups == number].mean()
            if share > NEAR_SHARE:
                yield Problem(
                    "manifest.json",
                    f"{split}: {share:.1%} of its images are, but for details, also in another "
                    "split: an attack could remember them",
                )


def _first_queries(table: pa.Table) -> tuple[Visible, Hidden]:
    """One record per image, with how often it was queried."""
    images = np.array(table.column("image_id").to_pylist())
    _, where, counts = np.unique(images, return_inverse=True, return_counts=True)
    first = np.flatnonzero(table.column("query").to_numpy() == 0)
    one = table.take(first)
    labels = {name: one.column(name).to_numpy() for name in ("task", "sensitive")}
    source = _codes(one, "source") if "source" in one.column_names else None
    seen = Visible(
        one.column("sample_id").to_pylist(),
        one.column("image_id").to_pylist(),
        counts[where][first],
    )
    return seen, Hidden(labels, _codes(one, "subject"), source)


def _codes(table: pa.Table, name: str) -> NDArray[np.int64]:
    """Places of the values in their sorted list."""
    return np.unique(table.column(name).to_pylist(), return_inverse=True)[1]
