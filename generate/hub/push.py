"""Push releases to a Hub repository: one commit, which has all of them or is not there."""

from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi
from huggingface_hub.errors import EntryNotFoundError

from ...schemas import LeakboardError, Manifest, MissingData, OutputExists, UsageError
from ...schemas.benchmark import BENCHMARK_FILE, Benchmark, Kind, ReleaseEntry
from ...schemas.files import read_json
from ...schemas.hub import REPO_TYPE, hub_errors
from ...schemas.recipe import RECIPE_FILE, Recipe, is_recipe, listed
from ...schemas.release import TruthManifest
from ...schemas.sums import SUMS_FILE
from ..recipes.recipe import has_recipe, recipe_home
from ..verification.verify import verify
from .repository_card import repository_card

Upload = Mapping[str, Path | bytes]


def push(folder: Path, repository: str, version: str | None = None) -> str:
    """Push a release, or all releases in a folder, or a truth; returns the commit.

    Each release becomes a folder and a configuration of the repository, `benchmark.json` and the
    card list them, and `version` is the tag. Large files that are there already are not sent again,
    so a push that was stopped goes on. A truth goes to a private repository, without the secret.
    In the place of a release that may not be passed on its recipe is pushed.
    Raises where a release is unsound, has no recipe, or would replace another.
    """
    if (folder / "truth.json").is_file():
        return _commit(repository, _truth(folder), f"Add {folder.name}", version, private=True)
    homes = sorted({_public_home(home) for home in _releases(folder)})
    manifests = {home: _sound(home) for home in homes}
    with hub_errors(repository):
        HfApi().create_repo(repository, repo_type=REPO_TYPE, exist_ok=True)
        known = _benchmark(repository, _kind(homes[0]))
    benchmark = _joined(known, manifests, repository)
    upload: dict[str, Path | bytes] = {
        BENCHMARK_FILE: benchmark.to_json().encode(),
        "README.md": repository_card(benchmark, repository).encode(),
    }
    for home, manifest in manifests.items():
        files = [file.path for file in listed(home)]
        own = [SUMS_FILE, "manifest.json", *([RECIPE_FILE] if is_recipe(home) else [])]
        name = manifest.config.release_name
        upload |= {f"{name}/{path}": home / path for path in (*files, *own)}
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


def _public_home(home: Path) -> Path:
    """The folder to be pushed: that of the recipe where the terms forbid passing images on."""
    manifest = Manifest.read(home)
    dataset, recipe = manifest.dataset, recipe_home(home)
    if dataset.licence.redistributable or is_recipe(home):
        return home
    why = (
        f"{home}: the terms of {dataset.name} ({dataset.licence.name}) forbid passing its images "
        "on, and activations are nearly the images"
    )
    if not has_recipe(manifest):
        raise UsageError(
            f"{why}; its noise follows from the secret, so that it has no recipe, and it stays "
            "with you"
        )
    if not is_recipe(recipe) or Recipe.read(recipe).fingerprint != manifest.fingerprint:
        raise UsageError(
            f"{why}; expected its recipe as {recipe}, where `leakboard generate` puts it: push it "
            "from where it is, or generate the release again"
        )
    return recipe


def _kind(home: Path) -> Kind:
    return "recipe" if is_recipe(home) else Manifest.read(home).format


def _sound(home: Path) -> Manifest:
    problems = verify(home)
    if problems:
        first = problems[0]
        raise LeakboardError(
            f"{home} is not sound: {first.file}: {first.problem}; `leakboard verify` lists every "
            f"problem (here {len(problems)})"
        )
    return Manifest.read(home)


def _benchmark(repository: str, kind: Kind) -> Benchmark:
    """What the repository lists already; nothing where it is new."""
    try:
        path = HfApi().hf_hub_download(repository, BENCHMARK_FILE, repo_type=REPO_TYPE)
    except EntryNotFoundError:
        return Benchmark(format=kind)
    return Benchmark.parse(read_json(Path(path)), f"{repository}/{BENCHMARK_FILE}")


def _joined(known: Benchmark, manifests: Mapping[Path, Manifest], repository: str) -> Benchmark:
    for home, manifest in manifests.items():
        entry = known.find(manifest.config.release_name)
        if _kind(home) != known.format:
            raise UsageError(
                f"{repository} holds {known.format} releases, and {manifest.name} is "
                f"{_kind(home)}; `datasets` reads one format per repository: choose another"
            )
        if entry and entry.fingerprint != manifest.fingerprint:
            raise OutputExists(
                f"{repository} holds another release {entry.name} ({entry.fingerprint[:12]}…); "
                "nothing is ever replaced: choose another repository, or another name"
            )
    entries = (ReleaseEntry.of(manifest, listed(home)) for home, manifest in manifests.items())
    return known.joined(tuple(entries))


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
