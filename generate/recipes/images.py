"""Which image of the user's copy each record of a recipe is of.

A record whose answers are public names its image, whose bytes and labels are checked by their hash.
Of a `test` record the recipe has the sketch of its activation alone: every image that no record
names is run through the client, and the nearest one is it, if it is near enough.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.spatial import KDTree
from tqdm import tqdm

from ...schemas import ChecksumMismatch, Manifest, MissingData
from ...schemas.recipe import sketches_in
from ...schemas.records import ANSWERED_SPLITS
from ..datasets import Dataset
from ..engine import BATCH, Engine
from .recipe import bound
from .sketch import Sketches, allowed, sketched


@dataclass(frozen=True)
class ImageFinder:
    """Finds the source's rows for the records of a recipe; `source` is what messages call it."""

    engine: Engine
    manifest: Manifest
    tables: Mapping[str, pa.Table]
    source: str | None

    def answered(self) -> dict[str, list[int]]:
        """Rows of the splits with public answers, once every image and label is the promised one.

        Raises `MissingData` or `ChecksumMismatch`, which count the images and name the first.
        """
        where = {key: row for row, key in enumerate(self._dataset.index.keys)}
        named = {split: self._listed(split, "source") for split in ANSWERED_SPLITS}
        missing = [key for keys in named.values() for key in keys if key not in where]
        if missing:
            raise MissingData(
                f"{self.source} lacks {len(missing)} images that the recipe names, the first being "
                f"{missing[0]}; {self._advice}"
            )
        rows: dict[str, list[int]] = {
            split: [where[key] for key in keys] for split, keys in named.items()
        }
        wrong = [key for split in rows for key in self._wrong(split, rows[split])]
        if wrong:
            raise ChecksumMismatch(
                f"{self.source}: {len(wrong)} images or their labels are not those that the "
                f"release was made from, the first being {wrong[0]}; {self._advice}"
            )
        return rows

    def test(self, answered: Mapping[str, Sequence[int]]) -> list[int]:
        """Rows of the test records, found among the images that no other record names.

        `MissingData` where the image of a record is not there, or is another than it was.
        """
        taken = np.concatenate([np.array(rows, np.int64) for rows in answered.values()])
        others = np.setdiff1d(np.arange(len(self._dataset.index)), taken)
        names = self._listed("test", "sample_id")
        if len(others) < len(names):
            raise MissingData(
                f"{self.source} has {len(others)} images that the recipe does not name, fewer than "
                f"its {len(names)} test records; {self._advice}"
            )
        made, near = self._sketches(others)
        distance, nearest = KDTree(made).query(sketches_in(self.tables["test"]), p=np.inf)
        lost = np.flatnonzero(distance > near[nearest])
        if len(lost):
            raise MissingData(
                f"{self.source}: no image gives the activation of {len(lost)} of {len(names)} test "
                f"records, the first being {names[lost[0]]}; {self._advice}"
            )
        rows: list[int] = others[nearest].tolist()
        return rows

    @property
    def _dataset(self) -> Dataset:
        return self.engine.dataset

    @property
    def _advice(self) -> str:
        facts = self.manifest.dataset
        return (
            f"give the copy of {facts.name} that it was made from, in the same layout (revision "
            f"{facts.revision[:12]})"
        )

    def _listed(self, split: str, column: str) -> list[str]:
        names: list[str] = self.tables[split].column(column).to_pylist()
        return names

    def _wrong(self, split: str, rows: Sequence[int]) -> Iterator[str]:
        attributes = (self.manifest.task.name, self.manifest.sensitive.name)
        promised = self._listed(split, "source_sha256")
        with tqdm(total=len(rows), desc=f"{split} images", unit="images", disable=None) as bar:
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH]
                found = bound(self._dataset, part, attributes)
                for row, one, other in zip(part, found, promised[start:], strict=False):
                    if one != other:
                        yield self._dataset.index.keys[row]
                bar.update(len(part))

    def _sketches(self, rows: NDArray[np.int64]) -> tuple[Sketches, NDArray[np.float64]]:
        """The sketches of all these images, and how far the numbers of each may be off."""
        made, near = [], []
        with tqdm(total=len(rows), desc="other images", unit="images", disable=None) as bar:
            for start in range(0, len(rows), BATCH):
                part = rows[start : start + BATCH].tolist()
                images = self._dataset.images(part)
                activation = self.engine.activations(images, [0] * len(part)).numpy()
                made.append(sketched(activation))
                near.append(allowed(activation, self.manifest.recompute_tolerance))
                bar.update(len(part))
        return np.concatenate(made), np.concatenate(near)
