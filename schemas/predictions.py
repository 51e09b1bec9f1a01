"""The prediction file: what an attack says about the images of a split.

One row for each record with `query` 0 (repeated queries are evidence, not questions), or for the
first of them, where the header says that only so many were asked about:
`probabilities`, K numbers that sum to 1 (attribute track), or `image`, H W 3 uint8
(reconstruction track). The header in the file's metadata carries the release's fingerprint.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import BadPredictions
from .files import replacing
from .prediction_header import COLUMN, METADATA_KEY, PredictionHeader
from .prediction_problems import (
    asked_problems,
    id_problems,
    length_problems,
    origin_problems,
    value_problems,
)
from .records import vectors_to_arrow
from .release import Release
from .scores import Track


@dataclass(frozen=True)
class Predictions:
    """Predictions in the order of `sample_ids`: (N, K) of floats or (N, H, W, 3) uint8."""

    header: PredictionHeader
    sample_ids: Sequence[str]
    values: np.ndarray[Any, Any]

    def write(self, path: Path, release: Release | None = None) -> None:
        """Write a Parquet file, atomically.

        `BadPredictions`, in the words of the scorer, for an array of another kind and for
        probabilities that are none; with the `release` that is answered also for another number
        of classes, another image size, and ids that are missing or not asked for.
        """
        values = self._of_the_track()
        for problem in value_problems(self.header, self.sample_ids, values):
            raise BadPredictions(problem)
        for problem in self._misfits(release) if release else ():
            raise BadPredictions(problem)
        with replacing(path) as temporary:
            pq.write_table(self.to_arrow(), temporary, compression="zstd")

    def to_arrow(self) -> pa.Table:
        """What the file holds; `BadPredictions` for an array of another kind."""
        values = self._of_the_track()
        item = pa.float32() if self.header.track is Track.ATTRIBUTE else pa.uint8()
        length = int(np.prod(values.shape[1:]))
        kind = pa.list_(pa.field("item", item, nullable=False), length)
        column = pa.field(COLUMN[self.header.track], kind, nullable=False)
        schema = pa.schema(
            [pa.field("sample_id", pa.string(), nullable=False), column],
            metadata={METADATA_KEY: self.header.model_dump_json().encode()},
        )
        columns = [pa.array(self.sample_ids, pa.string()), vectors_to_arrow(values, column)]
        return pa.table(columns, schema=schema)

    def _misfits(self, release: Release) -> Iterator[str]:
        header, length = self.header, int(np.prod(self.values.shape[1:]))
        yield from origin_problems(header, release.manifest)
        yield from length_problems(header, release.manifest, length)
        yield from asked_problems(header, release.manifest)
        expected = release.asked_ids(header.split)[: header.asked]
        yield from id_problems(header.split, self.sample_ids, expected)

    def _of_the_track(self) -> np.ndarray[Any, Any]:
        values, rows = self.values, len(self.sample_ids)
        attribute = self.header.track is Track.ATTRIBUTE
        kind, dimensions = (np.floating, 2) if attribute else (np.uint8, 4)
        fits = np.issubdtype(values.dtype, kind) and values.ndim == dimensions
        if not fits or len(values) != rows:
            wanted = "probabilities (N, K)" if attribute else "uint8 images (N, H, W, 3)"
            raise BadPredictions(
                f"expected {wanted} for N = {rows} sample_ids, but got {values.dtype} "
                f"{values.shape}; give one row per id"
            )
        return values.astype(np.float32, copy=False) if attribute else values
