"""The prediction file: what an attack says about the images of a split.

One row for each record with `query` 0 (repeated queries are evidence, not questions), or for the
first of them, where the header says that only so many were asked about:
`probabilities`, K numbers that sum to 1 (attribute track), or `image`, H W 3 uint8
(reconstruction track). The header in the file's metadata carries the release's fingerprint.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import AfterValidator, Field

from .base import Record, Sha256
from .errors import BadPredictions
from .files import replacing
from .records import PublicSplit, vectors_to_arrow
from .scores import Setting, Track

METADATA_KEY = b"leakboard"
COLUMN = {Track.ATTRIBUTE: "probabilities", Track.RECONSTRUCTION: "image"}


def _finite(options: dict[str, Any]) -> dict[str, Any]:
    json.dumps(options, allow_nan=False)  # ValueError: a number that JSON cannot hold
    return options


class PredictionHeader(Record):
    """Which release and split the predictions answer, and which attack made them.

    `asked` is how many images the attack was asked about, the first of the split in record order;
    None means all. A `ceiling` read the inputs themselves: a yardstick for attacks, never ranked
    as one.
    """

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    split: PublicSplit
    asked: int | None = Field(default=None, ge=1)
    track: Track
    attack: str = Field(min_length=1, max_length=200)
    options: Annotated[dict[str, Any], AfterValidator(_finite)] = {}
    setting: Setting
    ceiling: bool = False
    repeated_queries: bool = False  # it saw every query of an image that was asked repeatedly
    auxiliary_records: int = Field(ge=0)
    leakboard_version: str


@dataclass(frozen=True)
class Predictions:
    """Predictions in the order of `sample_ids`: (N, K) of floats or (N, H, W, 3) uint8."""

    header: PredictionHeader
    sample_ids: Sequence[str]
    values: np.ndarray[Any, Any]

    def write(self, path: Path) -> None:
        """Write a Parquet file, atomically; `BadPredictions` where the array is of another kind."""
        values = self._checked()
        item = pa.float32() if self.header.track is Track.ATTRIBUTE else pa.uint8()
        length = int(np.prod(values.shape[1:]))
        kind = pa.list_(pa.field("item", item, nullable=False), length)
        column = pa.field(COLUMN[self.header.track], kind, nullable=False)
        schema = pa.schema(
            [pa.field("sample_id", pa.string(), nullable=False), column],
            metadata={METADATA_KEY: self.header.model_dump_json().encode()},
        )
        columns = [pa.array(self.sample_ids, pa.string()), vectors_to_arrow(values, column)]
        with replacing(path) as temporary:
            pq.write_table(pa.table(columns, schema=schema), temporary, compression="zstd")

    def _checked(self) -> np.ndarray[Any, Any]:
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
        return values.astype(np.float32) if attribute else values
