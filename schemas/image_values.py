"""What each image contributes to the headline score of a prediction file, for later comparison.

It says which test images an attack got right, and so what their answers are: the organiser keeps
it, and never publishes it. Images are named by their pixels: releases of one dataset share their
splits but no ids, and equal pixels are the same image.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .base import Record, Sha256
from .errors import CorruptData
from .files import replacing
from .prediction_header import METADATA_KEY
from .records import PublicSplit

SCHEMA = pa.schema(
    [
        pa.field("image", pa.string(), nullable=False),
        pa.field("subject", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
    ]
)


class ValuesHeader(Record):
    """Which release, split and attack the values are of, and of which metric."""

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    split: PublicSplit
    attack: str
    metric: str
    metric_version: int


@dataclass(frozen=True, eq=False)
class ImageValues:
    """A value per image, in the order of their digests.

    image  N digests of pixels    subject  N opaque codes    value  N float64
    """

    header: ValuesHeader
    image: Sequence[str]
    subject: Sequence[str]
    value: NDArray[np.float64]

    def write(self, path: Path) -> None:
        """Write a Parquet file, atomically."""
        metadata = {METADATA_KEY: self.header.model_dump_json().encode()}
        columns = [pa.array(self.image), pa.array(self.subject), pa.array(self.value)]
        table = pa.table(columns, schema=SCHEMA.with_metadata(metadata))
        with replacing(path) as temporary:
            pq.write_table(table, temporary, compression="zstd")

    @classmethod
    def read(cls, path: Path) -> "ImageValues":
        """Read what `write` wrote; `CorruptData` where that is not what lies there."""
        try:
            table = pq.read_table(path, schema=SCHEMA)
            header = json.loads(pq.read_schema(path).metadata[METADATA_KEY])
        except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as problem:
            raise CorruptData(
                f"{path}: not the values of a score ({problem}); score the attack again"
            ) from None
        return cls(
            ValuesHeader.parse(header, f"{path}: header", CorruptData),
            table.column("image").to_pylist(),
            table.column("subject").to_pylist(),
            table.column("value").to_numpy(),
        )
