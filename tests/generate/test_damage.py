"""Whatever happens to a file of a release, `verify` and `pull` find it and name the file."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from leakboard.generate import push, verify, wanted
from leakboard.schemas import LeakboardError, Release
from leakboard.schemas.hub import Repository

from ..hub import Hub

REPO = "tester/leakboard"
NAME = "tiny-s0"
TIMES = 20  # per test, 200 in all
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


def remove(path: Path, _: np.random.Generator) -> None:
    path.unlink()


def exchange(path: Path, random: np.random.Generator) -> None:
    beside = (other for other in sorted(path.parent.iterdir()) if other.is_file())
    others = [other for other in beside if other.name not in (path.name, "manifest.json")]
    other = others[random.integers(len(others))]
    content = path.read_bytes()
    path.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.fixture
def copy(release: Release, tmp_path: Path) -> Path:
    return Path(shutil.copytree(release.folder, tmp_path / NAME))


@pytest.mark.parametrize(
    ("damage", "seed"),
    [
        *((flip, seed) for seed in range(6)),
        *((truncate, seed) for seed in range(2)),
        (remove, 0),
        (exchange, 0),
    ],
)
def test_every_damage_is_found_and_its_file_named(
    hub: Hub,
    release: Release,
    copy: Path,
    damage: Callable[[Path, np.random.Generator], None],
    seed: int,
) -> None:
    push(release.folder, REPO)
    repository = Repository.at(REPO, None)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    # The manifest holds no hash of its own: a changed letter of its prose, a licence's say, stays
    # unseen. What it says of files, records and networks does not: see test_verify.py.
    targets = [path for path in files if damage is not flip or path.name != "manifest.json"]
    random = np.random.default_rng(seed)
    for _ in range(TIMES):
        path = targets[random.integers(len(targets))]
        name = path.relative_to(copy).as_posix()
        before = {file: file.read_bytes() for file in files}
        damage(path, random)
        if name != "manifest.json":  # `pull` takes the manifest anew, whatever is there
            fetched = [file.path for file in wanted(repository, copy.parent, ())]
            assert f"{NAME}/{name}" in fetched
        assert name in found(copy)
        for file, content in before.items():
            file.write_bytes(content)
    assert verify(copy) == []


def found(folder: Path) -> str:
    """What is wrong, in words; a manifest that cannot be read is refused at once."""
    try:
        return " ".join(problem.file for problem in verify(folder))
    except LeakboardError as refused:
        return str(refused)


def test_an_extra_file_is_named(copy: Path) -> None:
    for name in ("data/test-00009-of-00010.parquet", "labels.csv", "weights/.hidden"):
        (copy / name).write_bytes(b"0")
        assert [problem.file for problem in verify(copy)] == [name]
        (copy / name).unlink()
