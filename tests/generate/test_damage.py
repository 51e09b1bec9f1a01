"""Whatever happens to a file of a release, `verify` and `pull` find it and name the file."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leakboard.generate import pull, push, verify, wanted
from leakboard.schemas import LeakboardError, OutputExists, Release
from leakboard.schemas.hub import Repository

from ..hub import Hub

REPO = "tester/leakboard"
NAME = "tiny-s0"
TIMES = 20  # per test and format: 200 flips, 40 truncations, 40 exchanges
VOUCHING = ("manifest.json", "SHA256SUMS")  # damaged alone: what else is wrong, they say
# huggingface_hub 2.4 itself hands bytes to its HTTP library in a deprecated way
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning"),
]


def flip(path: Path, random: np.random.Generator) -> None:
    content = bytearray(path.read_bytes())
    content[random.integers(len(content))] ^= random.integers(1, 256)
    path.write_bytes(content)


def truncate(path: Path, random: np.random.Generator) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: random.integers(len(content))])


def exchange(path: Path, random: np.random.Generator) -> None:
    beside = (other for other in sorted(path.parent.iterdir()) if other.is_file())
    others = [other for other in beside if other.name not in (path.name, *VOUCHING)]
    other = others[random.integers(len(others))]
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.fixture(params=["", "-wds"])
def original(request: pytest.FixtureRequest, release: Release) -> Path:
    return release.folder.with_name(f"{release.folder.name}{request.param}")


@pytest.fixture
def copy(original: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(original, tmp_path / NAME))


@pytest.fixture
def repository(hub: Hub, original: Path) -> Repository:
    push(original, REPO)
    return Repository.at(REPO, None)


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def check(copy: Path, repository: Repository, name: str) -> None:
    """Both name the file, and the pull mends it."""
    fetched = [file.path for file in wanted(repository, copy.parent, ())]
    assert f"{NAME}/{name}" in fetched
    assert name in found(copy)


def found(folder: Path) -> str:
    """What is wrong, in words; a manifest that cannot be read is refused at once."""
    try:
        return " ".join(f"{problem.file} {problem.problem}" for problem in verify(folder))
    except LeakboardError as refused:
        return str(refused)


@pytest.mark.parametrize(
    ("damage", "seed"),
    [
        *((flip, seed) for seed in range(5)),
        (truncate, 5),
        (exchange, 6),
    ],
)
def test_every_damage_is_found_and_its_file_named(
    repository: Repository,
    copy: Path,
    damage: Callable[[Path, np.random.Generator], None],
    seed: int,
) -> None:
    before = tree(copy)
    names = sorted(before)
    random = np.random.default_rng(seed)
    for _ in range(TIMES):
        name = names[random.integers(len(names))]
        damage(copy / name, random)
        check(copy, repository, name)
        for path, content in before.items():
            (copy / path).write_bytes(content)
    assert verify(copy) == []


def test_a_missing_file_is_named_and_fetched(repository: Repository, copy: Path) -> None:
    before = tree(copy)
    for name in before:
        (copy / name).unlink()
        check(copy, repository, name)
        pull(repository, copy.parent)
        assert tree(copy) == before


def test_a_flipped_byte_of_every_file_is_mended(repository: Repository, copy: Path) -> None:
    before = tree(copy)
    random = np.random.default_rng(7)
    for name in before:
        flip(copy / name, random)
    pull(repository, copy.parent)
    assert tree(copy) == before


def test_an_extra_file_is_named(repository: Repository, copy: Path) -> None:
    for name in ("data/test-00009-of-00010.parquet", "labels.csv", "weights/.hidden"):
        (copy / name).write_bytes(b"0")
        assert [problem.file for problem in verify(copy)] == [name]
        with pytest.raises(OutputExists, match=rf"{name} is not a file of this release"):
            wanted(repository, copy.parent, ())
        (copy / name).unlink()


def test_everyones_tool_finds_it_too(copy: Path) -> None:
    """`sha256sum -c` needs nothing of ours, and every file but the list itself is on the list."""

    def failed() -> set[str]:
        done = subprocess.run(
            ["sha256sum", "--check", "--quiet", "SHA256SUMS"],
            cwd=copy,
            capture_output=True,
            text=True,
            check=False,
        )
        return {line.partition(":")[0] for line in done.stdout.splitlines()}

    assert failed() == set()
    random = np.random.default_rng(8)
    names = set(tree(copy)) - {"SHA256SUMS"}
    for name in names:
        flip(copy / name, random)
    assert failed() == names
