"""What making a release took: time, records, bytes, memory."""

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

GIB = 2**30


@dataclass(frozen=True)
class Effort:
    """What making releases took this process; `bytes` are all on disk, withheld answers included.

    `records` are those that were written now, not what a stopped run had written before.

    >>> print(Effort(records=1000, bytes=5 * 10**6, training=90.0, writing=1.5))
    1,000 records, 0.005 GB; training 90.0 s, writing 1.5 s (1.50 ms per record)
    """

    records: int = 0
    bytes: int = 0
    training: float = 0.0
    writing: float = 0.0

    def __add__(self, other: "Effort") -> "Effort":
        """Add up two releases."""
        return Effort(
            self.records + other.records,
            self.bytes + other.bytes,
            self.training + other.training,
            self.writing + other.writing,
        )

    def __str__(self) -> str:
        """One line for people."""
        each = f" ({1000 * self.writing / self.records:.2f} ms per record)" if self.records else ""
        return (
            f"{self.records:,} records, {self.bytes / 1e9:.3f} GB; training {self.training:.1f} s, "
            f"writing {self.writing:.1f} s{each}"
        )


def bytes_on_disk(*trees: Path) -> int:
    """Sum the sizes of all files in folders."""
    files = (path for tree in trees for path in tree.rglob("*") if path.is_file())
    return sum(path.stat().st_size for path in files)


def peak_memory() -> str:
    """The most memory that this process ever held at once, for people.

    The system counts it in KiB, macOS in bytes.
    """
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return f"peak memory of the process {peak / GIB:.2f} GiB"
