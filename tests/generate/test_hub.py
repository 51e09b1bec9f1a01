"""Releases on the Hub, over real HTTP, through its own client."""

import json
import os
import signal
import subprocess
import sys
from collections import deque
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants

from leakboard.evaluate import open_release
from leakboard.generate import pull, push, verify, wanted
from leakboard.schemas import (
    ChecksumMismatch,
    LeakboardError,
    MissingData,
    OutputExists,
    Release,
    UsageError,
    default_truth,
)
from leakboard.schemas.benchmark import Benchmark
from leakboard.schemas.hub import PIECE, SMALL_PIECES, Repository

from ..hub import Hold, Hub, serving
from ..tiny import MakeRelease

# huggingface_hub 2.4 itself hands bytes to its HTTP library in a deprecated way
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

REPO = "tester/leakboard"
NAME = "tiny-s0"


def tree(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def pinned(revision: str | None = None, *mirrors: str) -> Repository:
    return Repository.at(REPO, revision, mirrors, pause=0.01)


def test_what_was_pushed_is_pulled_byte_for_byte(
    hub: Hub, release: Release, tmp_path: Path
) -> None:
    commit = push(release.folder, REPO, "v1")
    assert hub.store.repositories[REPO].tags == {"v1": commit}
    (pulled,) = pull(pinned("v1"), tmp_path / "pulled")
    assert pulled == tmp_path / "pulled" / NAME
    assert tree(pulled) == tree(release.folder)
    assert [path.name for path in pulled.parent.iterdir()] == [NAME]
    assert verify(pulled) == []
    benchmark = Benchmark.parse(json.loads(hub.files(REPO)["benchmark.json"]), "benchmark.json")
    assert [entry.fingerprint for entry in benchmark.releases] == [release.manifest.fingerprint]


def test_a_revision_stays_what_it_was(hub: Hub, release: Release, tmp_path: Path) -> None:
    push(release.folder, REPO, "v1")
    repository = pinned("v1")
    hub.store.repositories[REPO].commit({})
    pull(repository, tmp_path)
    with pytest.raises(MissingData, match=r"benchmark\.json"):
        pull(pinned(), tmp_path)
    with pytest.raises(MissingData, match="no such revision"):
        pinned("v2")


def test_a_second_push_adds_a_release_and_replaces_none(
    hub: Hub, release_of: MakeRelease, tmp_path: Path
) -> None:
    release = release_of("none")
    push(release.folder, REPO)
    push(release.folder, REPO)
    other = release_of("disco")
    assert other.manifest.config.release_name == NAME
    with pytest.raises(OutputExists, match=f"holds another release {NAME}"):
        push(other.folder, REPO)
    with pytest.raises(UsageError, match="one format per repository"):
        push(release.folder.with_name("none-wds"), REPO)


def test_a_damaged_or_missing_file_alone_is_fetched_again(
    hub: Hub, release: Release, tmp_path: Path
) -> None:
    push(release.folder, REPO)
    (home,) = pull(pinned(), tmp_path)
    shard = release.manifest.shards[0].path
    content = bytearray((home / shard).read_bytes())
    content[100] ^= 4
    (home / shard).write_bytes(content)
    (home / "measurements.json").unlink()
    files = [file.path for file in wanted(pinned(), tmp_path, ())]
    assert files == [f"{NAME}/measurements.json", f"{NAME}/{shard}"]
    pull(pinned(), tmp_path)
    assert tree(home) == tree(release.folder)


@pytest.mark.slow  # the client waits before it takes a connection up again
def test_a_dropped_connection_is_taken_up_again(hub: Hub, release: Release, tmp_path: Path) -> None:
    push(release.folder, REPO)
    hub.faults.drops, hub.faults.drop_after = 3, 1000
    (home,) = pull(pinned(), tmp_path)
    assert hub.faults.drops == 0
    assert tree(home) == tree(release.folder)


def test_bytes_damaged_on_the_way_are_fetched_again_once(
    hub: Hub, release: Release, tmp_path: Path
) -> None:
    push(release.folder, REPO)
    hub.faults.damages = 1
    (home,) = pull(pinned(), tmp_path)
    assert tree(home) == tree(release.folder)
    hub.faults.damages = 2
    with pytest.raises(ChecksumMismatch, match=rf"{NAME}/.* are not those .* fetched twice"):
        pull(pinned(), tmp_path / "again")
    assert not (tmp_path / "again" / NAME / "manifest.json").exists()


def test_a_mirror_stands_in(hub: Hub, release: Release, tmp_path: Path) -> None:
    push(release.folder, REPO)
    with serving(token="other") as mirror:
        repository = pinned(None, mirror.url)
        mirror.store.repositories[REPO] = hub.store.repositories.pop(REPO)
        (home,) = pull(repository, tmp_path)
    assert tree(home) == tree(release.folder)
    with pytest.raises(MissingData, match="Repository not found"):
        pull(repository_at(repository.commit), tmp_path / "again")


def repository_at(commit: str) -> Repository:
    return Repository(REPO, commit, deque([None]), pause=0.01)


def test_an_upload_that_was_stopped_leaves_no_commit_and_goes_on(
    hub: Hub, release: Release
) -> None:
    hub.faults.uploads = 2
    with pytest.raises(LeakboardError, match="uploads are stopped"):
        push(release.folder, REPO)
    assert hub.files(REPO) == {}
    sent = dict(hub.store.uploaded)
    assert len(sent) == 2
    hub.faults.uploads = len(release.manifest.shards) + 2 - len(sent)  # with the two weight files
    push(release.folder, REPO)
    assert hub.faults.uploads == 0
    assert f"{NAME}/manifest.json" in hub.files(REPO)


def test_a_wrong_token_is_said_to_be(
    hub: Hub, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(LeakboardError, match=r"Invalid user token"):
        push(release.folder, REPO)
    assert hub.store.repositories == {}


def test_an_unsound_release_is_not_pushed(hub: Hub, release: Release, tmp_path: Path) -> None:
    for path, content in tree(release.folder).items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(content)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LeakboardError, match=r"notes\.txt: is not in the manifest"):
        push(tmp_path, REPO)
    with pytest.raises(MissingData, match="expected a release, a folder of releases or a truth"):
        push(tmp_path / "data", REPO)
    assert hub.store.repositories == {}


def test_the_truth_goes_to_a_private_repository_without_the_secret(
    hub: Hub, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = default_truth(release.folder)
    (truth / "secret.key").write_text("secret")
    push(truth, "tester/truth")
    (truth / "secret.key").unlink()
    assert set(hub.files("tester/truth")) == set(tree(truth))
    hub.store.create("tester/public", private=False)
    with pytest.raises(UsageError, match="answers go to a private repository"):
        push(truth, "tester/public")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(MissingData, match="your token may read"):
        Repository.at("tester/truth", None)


def test_a_split_is_read_from_the_hub(hub: Hub, release: Release) -> None:
    push(release.folder, REPO, "v1")
    here = open_release(release.folder, "auxiliary")[range(len_of(release))]
    there = open_release(REPO, "auxiliary", name=NAME, revision="v1")[range(len_of(release))]
    assert there["sample_id"] == here["sample_id"]
    assert torch.equal(there["activation"], here["activation"])


def test_a_shard_damaged_on_the_way_is_fetched_again_once_before_it_is_given_out(
    hub: Hub, release: Release
) -> None:
    push(release.folder, REPO)
    here = list(open_release(release.folder, "test").batches(50))
    hub.faults.damages = 1
    there = list(open_release(REPO, "test", name=NAME).batches(50))
    assert [batch["sample_id"] for batch in there] == [batch["sample_id"] for batch in here]
    for one, other in zip(there, here, strict=True):
        assert torch.equal(torch.as_tensor(one["activation"]), torch.as_tensor(other["activation"]))
    hub.faults.damages = 10**6
    stream = open_release(REPO, "auxiliary", name=NAME).batches(50)
    with pytest.raises(ChecksumMismatch, match="auxiliary-00000"):
        next(iter(stream))


def len_of(release: Release) -> int:
    return release.manifest.splits["auxiliary"].records


def environment(hub: Hub, home: Path) -> dict[str, str]:
    """What lets another process talk to the double, with this one's token."""
    return {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "hold",
    [Hold("upload"), Hold("upload", after=4), Hold("commit"), Hold("answer")],
    ids=["first file", "fifth file", "commit", "answer"],
)
def test_a_push_that_is_killed_is_completed_by_the_same_command(
    hub: Hub, release: Release, tmp_path: Path, hold: Hold
) -> None:
    """SIGKILL while half of a request is under way, and once when only its answer is missing."""
    main = "from leakboard.cli import main; main()"
    command = [sys.executable, "-c", main, "push", str(release.folder), REPO, "--tag", "v1"]
    hub.faults.hold = hold
    with subprocess.Popen(
        command, env=environment(hub, tmp_path), stderr=subprocess.DEVNULL
    ) as ran:
        assert hold.reached.wait(timeout=120)
        ran.kill()
    hold.released.set()
    assert ran.returncode == -signal.SIGKILL
    sent = len(hub.store.uploaded)
    assert bool(hub.files(REPO)) == (hold.at == "answer")
    large = len(release.manifest.shards) + 2  # with the two weight files
    hub.faults.uploads = large - sent  # what is there is not sent again
    for _ in range(2):  # and once more, when all is done
        subprocess.run(command, env=environment(hub, tmp_path), check=True, capture_output=True)
    assert hub.faults.uploads == 0
    pushed = hub.files(REPO, "v1")
    assert pushed == hub.files(REPO)
    assert {name for name in pushed if "/" not in name} == {"README.md", "benchmark.json"}
    (home,) = pull(pinned("v1"), tmp_path / "pulled")
    assert tree(home) == tree(release.folder)
    assert verify(home) == []


def test_a_version_is_not_given_twice(hub: Hub, release_of: MakeRelease, tmp_path: Path) -> None:
    push(release_of("none").folder, REPO, "v1")
    hub.store.repositories[REPO].commit({})
    with pytest.raises(OutputExists, match="has a tag v1 already"):
        push(release_of("none").folder, REPO, "v1")


READERS = {
    "datasets": """
import datasets
datasets.config.USE_PARQUET_EXPORT = False
for streaming in (False, True):
    split = datasets.load_dataset(REPO, NAME, split="auxiliary", streaming=streaming)
    print(*(row["sample_id"] for row in split))
""",
    "pandas": """
import pandas
frame = pandas.read_parquet(f"hf://datasets/{REPO}/{PATH}")
print(*frame["sample_id"])
""",
    "duckdb": """
import duckdb, huggingface_hub
duckdb.register_filesystem(huggingface_hub.HfFileSystem())
rows = duckdb.sql(f"select sample_id from 'hf://datasets/{REPO}/{PATH}'").fetchall()
print(*(row[0] for row in rows))
""",
}


# Threads of the readers' own sometimes abort Python where it would end by itself.
END = "import os, sys; sys.stdout.flush(); os._exit(0)"


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_other_peoples_readers_take_it_from_the_hub(
    hub: Hub, release: Release, tmp_path: Path, reader: str
) -> None:
    push(release.folder, REPO)
    (shard,) = release.manifest.shards_of("auxiliary")
    names = f"REPO, NAME, PATH = {REPO!r}, {NAME!r}, {f'{NAME}/{shard.path}'!r}"
    done = subprocess.run(
        [sys.executable, "-c", f"{names}\n{READERS[reader]}{END}"],
        env=environment(hub, tmp_path / "home"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = release.table("auxiliary", ("sample_id",)).column("sample_id").to_pylist()
    assert set(done.stdout.splitlines()) == {" ".join(expected)}


def test_the_clients_own_piece_size_is_its_own_again(
    hub: Hub, release: Release, tmp_path: Path
) -> None:
    """Two threads of ours at once, one of which ends later; others find what they had set."""
    theirs = constants.DOWNLOAD_CHUNK_SIZE
    with SMALL_PIECES:
        push(release.folder, REPO)
        pull(pinned(), tmp_path)
        assert constants.DOWNLOAD_CHUNK_SIZE == PIECE
    assert constants.DOWNLOAD_CHUNK_SIZE == theirs > PIECE
