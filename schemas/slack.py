"""Bytes of a shard that hold no record: whoever wrote it could have hidden labels there."""

import io
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from .shards import ROW_GROUP

MAGIC = 4  # at both ends of a Parquet file; the footer's length takes as much
LOCAL, CENTRAL, END = 30, 46, 22  # bytes of a zip's headers before names and extra fields
ZIP64 = 20  # bytes of the extra field that numpy writes


def slack(path: Path) -> Iterator[str]:
    """Say of a readable shard what its bytes hold beside the records, and how it groups them."""
    yield from _of_tar(path) if path.suffix == ".tar" else _of_parquet(path)


def _of_parquet(path: Path) -> Iterator[str]:
    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    if any(group.num_rows != ROW_GROUP for group in groups[:-1]):
        yield f"has row groups of other than {ROW_GROUP} records"
    columns = sum(
        group.column(number).total_compressed_size
        for group in groups
        for number in range(group.num_columns)
    )
    unused = path.stat().st_size - columns - metadata.serialized_size - 3 * MAGIC
    if unused:
        yield f"has {unused} bytes that belong to no column"


def _of_tar(path: Path) -> Iterator[str]:
    with path.open("rb") as raw, tarfile.open(path, "r:") as tar:
        for member in tar:
            plain = tarfile.TarInfo(member.name)
            plain.size = member.size
            raw.seek(member.offset)
            if raw.read(tarfile.BLOCKSIZE) != plain.tobuf(tarfile.USTAR_FORMAT):
                yield f"{member.name} has a header with more than its name and size"
            raw.seek(member.offset_data)
            content = raw.read(member.size)
            if any(raw.read(-member.size % tarfile.BLOCKSIZE)) or not _is_bare(
                member.name, content
            ):
                yield f"{member.name} has bytes beside its content"
        raw.seek(tar.offset)
        rest = raw.read()
        if any(rest) or len(rest) >= 2 * tarfile.BLOCKSIZE + tarfile.RECORDSIZE:
            yield "has bytes behind its last record"


def _is_bare(name: str, content: bytes) -> bool:
    """Whether a member is written as `shard_writer` does; an image is what the source gave."""
    if name.endswith(".json"):
        return json.dumps(json.loads(content), sort_keys=True).encode() == content
    return not name.endswith(".npz") or _unused(content) == 0


def _unused(content: bytes) -> int:
    """Bytes of a zip that are neither its one member nor the headers that numpy writes."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        member, *others = archive.infolist()
    extra = min(int.from_bytes(content[28:30], "little"), ZIP64)
    names = 2 * len(member.filename)
    return len(content) - LOCAL - extra - member.compress_size - CENTRAL - names - END + len(others)
