"""What each test image of a finished cell contributes, as kept beside the cell.

The images, and whose they are, are the same in all cells of a dataset: one file holds them, named
after its content, and each cell holds its numbers alone, in float32.
"""

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..schemas.files import replacing

IDENTITY = ["image", "subject"]
VALUES = "values.parquet"


def keep_values(cell: Path, table: pa.Table) -> str:
    """Write the values of a cell; returns the name of the shared file, in the folder of cells."""
    shared = table.select(IDENTITY)
    names = "\n".join(name for column in shared.to_pydict().values() for name in column)
    name = f"images-{hashlib.sha256(names.encode()).hexdigest()[:12]}.parquet"
    own = table.drop_columns(IDENTITY)
    halved = own.cast(pa.schema([(measure, pa.float32()) for measure in own.column_names]))
    for path, content in ((cell.parent / name, shared), (cell / VALUES, halved)):
        with replacing(path) as temporary:
            pq.write_table(content, temporary, compression="zstd")
    return name


def read_values(cell: Path, shared: str) -> pa.Table:
    """The images in the order of their digests, whose they are, and the measures in float64."""
    own = pq.read_table(cell / VALUES)
    table = pq.read_table(cell.parent / shared)
    for measure in own.column_names:
        table = table.append_column(measure, own.column(measure).cast(pa.float64()))
    return table
