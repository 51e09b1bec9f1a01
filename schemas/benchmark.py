"""benchmark.json: the releases that a Hub repository holds, as one version of the benchmark."""

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from .base import Record, Sha256
from .manifest import FileFacts, Format, Manifest

BENCHMARK_FILE = "benchmark.json"
Kind = Format | Literal["recipe"]  # how the records are there, or that they are not


class ReleaseEntry(Record):
    """One release: the folder it lies in, and which content that is."""

    name: str
    fingerprint: Sha256
    records: int = Field(ge=0)
    bytes: int = Field(ge=0)

    @classmethod
    def of(cls, manifest: Manifest, files: Sequence[FileFacts]) -> "ReleaseEntry":
        """What a manifest says in short; the bytes are those of the `files` to be fetched."""
        return cls(
            name=manifest.config.release_name,
            fingerprint=manifest.fingerprint,
            records=sum(facts.records for facts in manifest.splits.values()),
            bytes=sum(file.bytes for file in files),
        )


class Benchmark(Record):
    """The releases of a repository, all in one format or all as recipes, sorted by name."""

    schema_version: Literal[1] = 1
    format: Kind
    releases: tuple[ReleaseEntry, ...] = ()

    def find(self, name: str) -> ReleaseEntry | None:
        """The release of that name."""
        return next((release for release in self.releases if release.name == name), None)

    def joined(self, entries: tuple[ReleaseEntry, ...]) -> "Benchmark":
        """These releases and `entries`, which take the place of their namesakes."""
        releases = {entry.name: entry for entry in (*self.releases, *entries)}
        return Benchmark(
            format=self.format, releases=tuple(releases[name] for name in sorted(releases))
        )
