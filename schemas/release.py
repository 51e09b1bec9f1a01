"""Open a release, and the organiser's truth beside it, without torch."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from .base import Record, Sha256
from .errors import ChecksumMismatch, MissingData, SchemaMismatch
from .files import read_json, sha256_of
from .manifest import FileFacts, Manifest, Shard
from .recipe import is_recipe
from .records import ANSWERED_SPLITS, RESERVE_COLUMNS, TRUTH_COLUMNS
from .scores import Measurements, Utility
from .secret import Secret
from .shards import read_shard


@dataclass(frozen=True)
class Release:
    """A release on disk: `table()` reads records, `manifest` says what they are."""

    folder: Path
    manifest: Manifest

    @classmethod
    def open(cls, folder: Path) -> "Release":
        """Read the manifest; raises `MissingData` where there is none."""
        return cls(folder, Manifest.read(folder))

    def tables(self, split: str, columns: tuple[str, ...]) -> Iterator[pa.Table]:
        """Yield the records of a split, one table per shard, in record order."""
        for shard in self.manifest.shards_of(split):
            yield self.read(shard, columns)

    def table(self, split: str, columns: tuple[str, ...]) -> pa.Table:
        """Read all records of a split into one table."""
        shards = list(self.tables(split, columns))
        if not shards:
            raise MissingData(f"{self.folder}: the split {split!r} holds no records")
        return pa.concat_tables(shards)

    def asked_ids(self, split: str) -> list[str]:
        """What predictions are made for: the ids with query 0, in record order."""
        table = self.table(split, ("sample_id", "query"))
        ids: list[str] = table.filter(pc.field("query") == 0).column("sample_id").to_pylist()
        return ids

    def read(self, shard: Shard, columns: tuple[str, ...]) -> pa.Table:
        """Read some columns of one shard; raises where its bytes or rows are not as promised."""
        path = self.checked(shard)
        table = read_shard(path, self.manifest.records, columns)
        if table.num_rows != shard.rows:
            raise ChecksumMismatch(
                f"{path}: expected {shard.rows} rows, but got {table.num_rows}; "
                "pull or generate the release again"
            )
        return table

    def located(self, file: FileFacts) -> Path:
        """The path of a file, whose bytes may still be others than the manifest promises."""
        path = self.folder / file.path
        if not path.is_file() and is_recipe(self.folder):
            raise MissingData(
                f"{self.folder} is a recipe, without records: rebuild them from your own copy of "
                f"the images with `leakboard materialize {self.folder} --data SRC`"
            )
        if not path.is_file():
            raise MissingData(f"{path} is missing; pull or generate the release again")
        return path

    def checked(self, file: FileFacts) -> Path:
        """The path of a file, once its bytes are found to be those the manifest promises."""
        path = self.located(file)
        return path if sha256_once(path) == file.sha256 else self.mended(file)

    def mended(self, file: FileFacts) -> Path:
        """The path of a file whose bytes were found to be others: a folder has no better ones."""
        raise ChecksumMismatch(
            f"{self.folder / file.path}: the bytes are not those that the manifest promises; "
            "pull or generate the release again"
        )

    @property
    def measurements(self) -> Measurements:
        """Utility and cost, as the generator measured them."""
        path = self.folder / "measurements.json"
        return Measurements.parse(read_json(path), str(path))

    def utility(self, split: str) -> Utility:
        """Utility on a split, as the generator measured it; `SchemaMismatch` where it did not."""
        measured = self.measurements.utility
        if split not in measured:
            raise SchemaMismatch(
                f"{self.folder / 'measurements.json'}: expected the utility on {split!r}, "
                f"but it has {sorted(measured)}; generate the release again"
            )
        return measured[split]


def sha256_once(path: Path) -> str:
    """Hash a file once for as long as its size and time of modification stay."""
    status = path.stat()
    return _sha256(path, status.st_size, status.st_mtime_ns)


@cache
def _sha256(path: Path, size: int, modified: int) -> str:
    return sha256_of(path)


class TruthManifest(Record):
    """truth.json: which release these answers belong to, and the salt of its commitments.

    The salt is None where the release was made before there were commitments to records.
    """

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    files: tuple[FileFacts, ...]
    salt: Sha256 | None = Field(default=None, exclude_if=lambda salt: salt is None)

    @classmethod
    def read(cls, folder: Path, release: Release) -> "TruthManifest":
        """Read `<folder>/truth.json`; raises where it is missing or another release's."""
        path = folder / "truth.json"
        if not path.is_file():
            raise MissingData(
                f"{folder}: expected the truth of {release.manifest.name}, a folder with a "
                "truth.json; name it with --truth DIR, or use --split validation, whose answers "
                "are public"
            )
        facts = cls.parse(read_json(path), str(path))
        if facts.fingerprint != release.manifest.fingerprint:
            raise ChecksumMismatch(
                f"{folder}: these answers belong to the release {facts.fingerprint[:12]}…, not to "
                f"{release.folder} ({release.manifest.fingerprint[:12]}…)"
            )
        return facts


@dataclass(frozen=True)
class Truth:
    """The organiser's tree: answers of `test`, the `reserve` records, the secret."""

    folder: Path
    release: Release

    @classmethod
    def open(cls, folder: Path, release: Release) -> "Truth":
        """Open the answers of `release`; raises where they are missing or another release's."""
        for file in TruthManifest.read(folder, release).files:
            path = folder / file.path
            if not path.is_file() or sha256_of(path) != file.sha256:
                raise ChecksumMismatch(f"{path}: the answers are missing or were changed")
        return cls(folder, release)

    def answers(self) -> pa.Table:
        """The withheld answers of the test split, in record order."""
        return self._read("test", TRUTH_COLUMNS)

    def reserve(self) -> pa.Table:
        """The records that are in no public file."""
        return self._read("reserve", RESERVE_COLUMNS)

    @property
    def secret(self) -> Secret:
        """The secret, where it is kept in this tree."""
        return Secret.read(self.folder / "secret.key")

    def _read(self, kind: str, columns: tuple[str, ...]) -> pa.Table:
        schema = self.release.manifest.records
        paths = sorted(self.folder.glob(f"{kind}-*.parquet"))
        if not paths:
            raise MissingData(f"{self.folder} holds no records of {kind!r}; generate it again")
        return pa.concat_tables([read_shard(path, schema, columns) for path in paths])


def default_truth(release: Path) -> Path:
    """Where `generate` keeps the answers unless told otherwise.

    >>> str(default_truth(Path("out/cifar10-none")))
    'out/cifar10-none-truth'
    """
    return release.with_name(f"{release.name}-truth")


def answers(release: Release, split: str, truth: Path | None) -> pa.Table:
    """The answers of a split: public ones from the release, those of `test` from the truth."""
    columns = ("sample_id", "image_id", "query", "input", "task", "sensitive", "subject")
    if split in ANSWERED_SPLITS:
        return release.table(split, columns)
    folder = truth or default_truth(release.folder)
    return Truth.open(folder, release).answers().select(list(columns))
