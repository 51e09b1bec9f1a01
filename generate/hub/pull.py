"""Pull releases from a Hub repository: only what is missing or damaged, the manifest last."""

import shutil
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ...schemas import ChecksumMismatch, Manifest, MissingData, OutputExists
from ...schemas.benchmark import BENCHMARK_FILE, Benchmark, Kind, ReleaseEntry
from ...schemas.errors import nearest
from ...schemas.files import read_json, sha256_of
from ...schemas.hub import Repository
from ...schemas.manifest import FileFacts
from ...schemas.recipe import RECIPE_FILE, is_recipe, listed
from ...schemas.sums import SUMS_FILE, has_sealed_manifest

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
    benchmark = _benchmark(repository, staging)
    chosen = _chosen(repository, benchmark, names)
    return [
        file
        for entry in chosen
        for file in _missing(repository, staging, out, entry, benchmark.format)
    ]


def pull(repository: Repository, out: Path, names: Sequence[str] = ()) -> list[Path]:
    """Fetch the releases or recipes `names` (none: all) to `<out>/<name>`; returns their folders.

    A pull that was stopped goes on at the first file that is missing or damaged. Raises
    `MissingData`, `OutputExists` where another release has the name or a file is none of the
    release's, `ChecksumMismatch`, and `LeakboardError` where the Hub cannot be reached.
    """
    staging = out / STAGING
    benchmark = _benchmark(repository, staging)
    chosen = _chosen(repository, benchmark, names)
    for entry in chosen:
        files = _missing(repository, staging, out, entry, benchmark.format)
        total = sum(file.facts.bytes for file in files)
        with tqdm(total=total, desc=entry.name, unit="B", unit_scale=True, disable=None) as bar:
            for file in files:
                found = repository.fetch_checked(file.path, file.facts, staging)
                file.home.parent.mkdir(parents=True, exist_ok=True)
                found.replace(file.home)
                bar.update(file.facts.bytes)
    shutil.rmtree(staging)
    return [out / entry.name for entry in chosen]


def _benchmark(repository: Repository, staging: Path) -> Benchmark:
    path = repository.fetch(BENCHMARK_FILE, staging)
    return Benchmark.parse(read_json(path), f"{repository.name}/{BENCHMARK_FILE}")


def _chosen(
    repository: Repository, benchmark: Benchmark, names: Sequence[str]
) -> list[ReleaseEntry]:
    known = {entry.name: entry for entry in benchmark.releases}
    for name in names:
        if name not in known:
            raise MissingData(f"{repository.name} has no release {name!r}: {nearest(name, known)}")
    return [known[name] for name in names or known]


def _missing(
    repository: Repository, staging: Path, out: Path, entry: ReleaseEntry, kind: Kind
) -> list[Wanted]:
    """The files of one release that are not yet below `out` as its manifest promises."""
    fetched = repository.fetch_manifest(f"{entry.name}/", staging)
    if kind == "recipe":
        repository.fetch(f"{entry.name}/{RECIPE_FILE}", staging)
    manifest = Manifest.read(fetched)
    if manifest.fingerprint != entry.fingerprint:
        raise ChecksumMismatch(
            f"{repository.name}: {BENCHMARK_FILE} lists {entry.name} as "
            f"{entry.fingerprint[:12]}…, but its manifest is that of "
            f"{manifest.fingerprint[:12]}…; tell who published it"
        )
    home, files = out / entry.name, _files(fetched)
    _refuse_others(home, manifest, {file.path for file in files})
    return [
        Wanted(f"{entry.name}/{file.path}", file, home / file.path)
        for file in files
        if not _is_sound(home / file.path, file)
    ]


def _files(folder: Path) -> list[FileFacts]:
    """All files of the release or recipe whose manifest lies in `folder`, the manifest last."""
    own = [*([RECIPE_FILE] if is_recipe(folder) else []), SUMS_FILE, "manifest.json"]
    return [*listed(folder), *(FileFacts.of(folder, name) for name in own)]


def _refuse_others(home: Path, manifest: Manifest, names: Container[str]) -> None:
    """Raise where `home` holds another release, or files that are none of the release's."""
    if _holds_another(home, manifest):
        raise OutputExists(f"{home} holds another release; choose another folder")
    for path in sorted(home.rglob("*")):
        if not path.is_dir() and path.relative_to(home).as_posix() not in names:
            raise OutputExists(f"{path} is not a file of this release; move it elsewhere")


def _holds_another(home: Path, manifest: Manifest) -> bool:
    if not (home / "manifest.json").exists():
        return False
    damaged = (home / SUMS_FILE).exists() and not has_sealed_manifest(home)
    return not damaged and Manifest.read(home).fingerprint != manifest.fingerprint


def _is_sound(path: Path, file: FileFacts) -> bool:
    if not path.is_file() or path.stat().st_size != file.bytes:
        return False
    return sha256_of(path) == file.sha256
