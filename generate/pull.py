"""Pull releases from a Hub repository: only what is missing or damaged, the manifest last."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..schemas import Manifest, MissingData, OutputExists
from ..schemas.benchmark import BENCHMARK_FILE, Benchmark
from ..schemas.errors import nearest
from ..schemas.files import read_json, sha256_of
from ..schemas.hub import Repository
from ..schemas.manifest import FileFacts

STAGING = ".pulled"


@dataclass(frozen=True)
class Wanted:
    """A file to be fetched: its path in the repository, and where it goes."""

    path: str
    facts: FileFacts
    home: Path


def wanted(repository: Repository, out: Path, names: Sequence[str]) -> list[Wanted]:
    """List what `pull` would fetch: the files that are missing under `out`, or damaged."""
    staging = out / STAGING
    chosen = _chosen(repository, staging, names)
    return [file for name in chosen for file in _missing(repository, staging, out / name, name)]


def pull(repository: Repository, out: Path, names: Sequence[str] = ()) -> list[Path]:
    """Fetch the releases `names` (none: all) to `<out>/<name>`; returns their folders.

    A pull that was stopped goes on at the first file that is missing or damaged. Raises
    `MissingData`, `OutputExists` where another release has the name, `ChecksumMismatch`, and
    `LeakboardError` where the Hub cannot be reached.
    """
    staging = out / STAGING
    chosen = _chosen(repository, staging, names)
    for name in chosen:
        files = _missing(repository, staging, out / name, name)
        total = sum(file.facts.bytes for file in files)
        with tqdm(total=total, desc=name, unit="B", unit_scale=True, disable=None) as bar:
            for file in files:
                found = repository.fetch_checked(file.path, file.facts, staging)
                file.home.parent.mkdir(parents=True, exist_ok=True)
                found.replace(file.home)
                bar.update(file.facts.bytes)
        manifest = repository.fetch(f"{name}/manifest.json", staging)
        manifest.replace(out / name / "manifest.json")
    shutil.rmtree(staging)
    return [out / name for name in chosen]


def _chosen(repository: Repository, staging: Path, names: Sequence[str]) -> list[str]:
    path = repository.fetch(BENCHMARK_FILE, staging)
    benchmark = Benchmark.parse(read_json(path), f"{repository.name}/{BENCHMARK_FILE}")
    known = [entry.name for entry in benchmark.releases]
    for name in names:
        if name not in known:
            raise MissingData(f"{repository.name} has no release {name!r}: {nearest(name, known)}")
    return list(names) or known


def _missing(repository: Repository, staging: Path, home: Path, name: str) -> list[Wanted]:
    """The files of one release that are not yet in `home` as its manifest promises."""
    manifest = Manifest.read(repository.fetch(f"{name}/manifest.json", staging).parent)
    held = home / "manifest.json"
    if held.exists() and Manifest.read(home).fingerprint != manifest.fingerprint:
        raise OutputExists(f"{home} holds another release; choose another folder")
    return [
        Wanted(f"{name}/{file.path}", file, home / file.path)
        for file in _files(manifest)
        if not _is_sound(home / file.path, file)
    ]


def _files(manifest: Manifest) -> Iterator[FileFacts]:
    yield from manifest.files
    yield from manifest.shards


def _is_sound(path: Path, file: FileFacts) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return sha256_of(path) == file.sha256
