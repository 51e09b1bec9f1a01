"""Push releases to a Hub repository: one commit, which has all of them or is not there."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError

from ..schemas import LeakboardError, Manifest, MissingData, OutputExists, UsageError
from ..schemas.benchmark import BENCHMARK_FILE, Benchmark, ReleaseEntry
from ..schemas.files import read_json
from ..schemas.hub import REPO_TYPE, hub_errors
from ..schemas.manifest import Format
from ..schemas.records import PUBLIC_SPLITS
from ..schemas.release import TruthManifest
from ..schemas.shards import SUFFIX
from ..schemas.sums import SUMS_FILE
from .verify import verify

Upload = Mapping[str, Path | bytes]


def push(folder: Path, repository: str, version: str | None = None) -> str:
    """Push a release, or all releases in a folder, or a truth; returns the commit.

    Each release becomes a folder and a configuration of the repository, `benchmark.json` and the
    card list them, and `version` is the tag. Large files that are there already are not sent again,
    so a push that was stopped goes on. A truth goes to a private repository, without the secret.
    Raises where a release is unsound, may not be passed on, or would replace another.
    """
    if (folder / "truth.json").is_file():
        return _commit(repository, _truth(folder), f"Add {folder.name}", version, private=True)
    homes = _releases(folder)
    manifests = {home: _publishable(home) for home in homes}
    with hub_errors(repository):
        HfApi().create_repo(repository, repo_type=REPO_TYPE, exist_ok=True)
        known = _benchmark(repository, next(iter(manifests.values())).format)
    benchmark = _joined(known, list(manifests.values()), repository)
    upload: dict[str, Path | bytes] = {
        BENCHMARK_FILE: benchmark.to_json().encode(),
        "README.md": card(benchmark, repository).encode(),
    }
    for home, manifest in manifests.items():
        files = [file.path for file in manifest.listed]
        name = manifest.config.release_name
        upload |= {f"{name}/{path}": home / path for path in (*files, SUMS_FILE, "manifest.json")}
    names = ", ".join(manifest.config.release_name for manifest in manifests.values())
    return _commit(repository, upload, f"Add {names}", version)


def _releases(folder: Path) -> list[Path]:
    if (folder / "manifest.json").is_file():
        return [folder]
    homes = sorted(path.parent for path in folder.glob("*/manifest.json"))
    if not homes:
        raise MissingData(
            f"{folder}: expected a release, a folder of releases or a truth; "
            "make one with `leakboard generate CONFIG.toml --out DIR`"
        )
    return homes


def _publishable(home: Path) -> Manifest:
    problems = verify(home)
    if problems:
        first = problems[0]
        raise LeakboardError(
            f"{home} is not sound: {first.file}: {first.problem}; `leakboard verify` lists all "
            f"{len(problems)} problems"
        )
    manifest = Manifest.read(home)
    dataset = manifest.dataset
    if not dataset.licence.redistributable:
        raise UsageError(
            f"{home}: the terms of {dataset.name} ({dataset.licence.name}) forbid "
            "passing its images on, and activations are nearly the images; it stays with you"
        )
    return manifest


def _benchmark(repository: str, kind: Format) -> Benchmark:
    """What the repository lists already; nothing where it is new."""
    try:
        path = HfApi().hf_hub_download(repository, BENCHMARK_FILE, repo_type=REPO_TYPE)
    except EntryNotFoundError:
        return Benchmark(format=kind)
    return Benchmark.parse(read_json(Path(path)), f"{repository}/{BENCHMARK_FILE}")


def _joined(known: Benchmark, manifests: Sequence[Manifest], repository: str) -> Benchmark:
    for manifest in manifests:
        entry = known.find(manifest.config.release_name)
        if manifest.format != known.format:
            raise UsageError(
                f"{repository} holds {known.format} releases, and {manifest.name} is "
                f"{manifest.format}; `datasets` reads one format per repository: choose another"
            )
        if entry and entry.fingerprint != manifest.fingerprint:
            raise OutputExists(
                f"{repository} holds another release {entry.name} ({entry.fingerprint[:12]}…); "
                "nothing is ever replaced: choose another repository, or another name"
            )
    return known.joined(tuple(ReleaseEntry.of(manifest) for manifest in manifests))


def _truth(folder: Path) -> Upload:
    path = folder / "truth.json"
    facts = TruthManifest.parse(read_json(path), str(path))
    return {name: folder / name for name in ("truth.json", *(file.path for file in facts.files))}


def _commit(
    repository: str, upload: Upload, message: str, version: str | None, private: bool = False
) -> str:
    api = HfApi()
    operations = [CommitOperationAdd(path, content) for path, content in sorted(upload.items())]
    with hub_errors(repository):
        api.create_repo(repository, repo_type=REPO_TYPE, private=private, exist_ok=True)
        if private and not api.repo_info(repository, repo_type=REPO_TYPE).private:
            raise UsageError(f"{repository} is public; answers go to a private repository")
        made = api.create_commit(
            repository, operations, commit_message=message, repo_type=REPO_TYPE
        )
        if version:
            _tag(api, repository, version, made.oid)
    return made.oid


def _tag(api: HfApi, repository: str, version: str, commit: str) -> None:
    """Name the commit; a push that is repeated finds that it has its name."""
    tags = {
        tag.name: tag.target_commit
        for tag in api.list_repo_refs(repository, repo_type=REPO_TYPE).tags
    }
    if version not in tags:
        api.create_tag(repository, tag=version, revision=commit, repo_type=REPO_TYPE)
    elif tags[version] != commit:
        raise OutputExists(
            f"{repository} has a tag {version} already, at the commit {tags[version][:12]}, and "
            f"this push is {commit[:12]}; push again with another --tag"
        )


def card(benchmark: Benchmark, repository: str) -> str:
    """The repository's card: its front matter lets `load_dataset` read each release by its name."""
    suffix = SUFFIX[benchmark.format]
    configs = [
        {
            "config_name": entry.name,
            "data_files": [
                {"split": split, "path": f"{entry.name}/data/{split}-*.{suffix}"}
                for split in PUBLIC_SPLITS
            ],
        }
        for entry in benchmark.releases
    ]
    matter = {"license": "other", "tags": ["privacy", "split-inference", "leakboard"]}
    lines = [f"{key}: {json.dumps(value)}" for key, value in {**matter, "configs": configs}.items()]
    rows = [
        f"| [{entry.name}]({entry.name}/README.md) | {entry.records:,} | {entry.bytes:,} "
        f"| `{entry.fingerprint[:12]}` |"
        for entry in benchmark.releases
    ]
    example = benchmark.releases[0].name
    return "\n".join(
        [
            "---",
            *lines,
            "---",
            "",
            "# Leakboard releases",
            "",
            "Client activations of split networks with their weights and inputs, made to measure",
            "what they give away. Each release is one configuration, with a card of its own:",
            "",
            "| release | records | bytes | fingerprint |",
            "|---|---|---|---|",
            *rows,
            "",
            "```python",
            "from datasets import load_dataset",
            "",
            f'release = load_dataset("{repository}", "{example}")',
            "```",
            "",
            f"`leakboard pull {repository} DIR` fetches them whole and checks every byte.",
            "",
        ]
    )
