import os
import shutil
from collections.abc import Iterable, Mapping
from fcntl import LOCK_EX, flock
from pathlib import Path
from threading import Barrier

import numpy as np
import pytest
import torch
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from leakboard.evaluate import open_release, read_records
from leakboard.evaluate.reading.reader import Batch, SplitReader
from leakboard.generate import generate
from leakboard.schemas import ChecksumMismatch, Release, UsageError, public_columns
from leakboard.schemas.manifest import FileFacts
from leakboard.schemas.records import PUBLIC_SPLITS

from ..tiny import tiny_config

COLUMNS = ("sample_id", "activation", "task")


@pytest.fixture(scope="module")
def small_shards(tmp_path_factory: pytest.TempPathFactory, secret_file: Path) -> Release:
    """The undefended tiny release again, in shards of 20 records."""
    folder = tmp_path_factory.mktemp("small") / "none"
    generate(tiny_config("none"), folder, secret=secret_file, shard_bytes=20 * (16_384 + 8192))
    return Release.open(folder)


@pytest.fixture
def reader(small_shards: Release) -> SplitReader:
    return open_release(small_shards.folder, "auxiliary", COLUMNS)


def ids(batches: Iterable[Batch]) -> list[str]:
    return [name for batch in batches for name in batch["sample_id"] if isinstance(name, str)]


def activations(batches: Iterable[Batch]) -> torch.Tensor:
    return torch.cat([part for b in batches if isinstance(part := b["activation"], torch.Tensor)])


@pytest.mark.parametrize("kind", ["none", "none-wds"])
@pytest.mark.parametrize("split", PUBLIC_SPLITS)
def test_batches_are_the_stored_records_in_order(release: Release, split: str, kind: str) -> None:
    folder = release.folder.with_name(kind)
    reader = open_release(folder, split, public_columns(split))
    batches = list(reader.batches(16))
    table = release.table(split, public_columns(split))
    stored = np.array(table.column("activation").to_pylist(), np.float16)
    shape = release.manifest.client.activation_shape
    assert ids(batches) == table.column("sample_id").to_pylist()
    assert activations(batches).dtype == torch.float16
    assert np.array_equal(activations(batches).numpy(), stored.reshape(-1, *shape))
    sizes = [len(batch["query"]) for batch in batches]
    assert sizes[:-1] == [16] * (len(sizes) - 1)


def test_a_batch_by_position_is_the_same_records(reader: SplitReader, release: Release) -> None:
    records = read_records(release, "auxiliary")
    assert len(reader.shards) > 1
    rows = [len(reader) - 1, 0, 41, 3, 41]
    batch = reader[rows]
    assert batch["sample_id"] == [records.sample_id[row] for row in rows]
    assert isinstance(batch["activation"], torch.Tensor)
    assert torch.equal(batch["activation"], records.activation[rows])
    assert reader[-1]["sample_id"] == records.sample_id[-1]
    with pytest.raises(IndexError):
        reader[len(reader)]


def test_a_data_loader_takes_both_kinds(reader: SplitReader) -> None:
    sampler = BatchSampler(RandomSampler(range(len(reader))), 32, drop_last=False)
    drawn = DataLoader(reader, batch_size=None, sampler=sampler)
    streamed = DataLoader(reader.batches(32, shuffle=3), batch_size=None, num_workers=2)
    everything = ids(reader.batches(64))
    assert sorted(ids(drawn)) == sorted(ids(streamed)) == sorted(everything)


def test_a_seed_decides_the_order_of_every_epoch(reader: SplitReader) -> None:
    stream, again = (reader.batches(16, shuffle=7) for _ in range(2))
    first, second = ids(stream), ids(stream)
    assert sorted(first) == sorted(second) == sorted(ids(reader.batches(16)))
    assert first != second
    assert ids(again) == first
    again.set_epoch(1)
    assert ids(again) == second
    assert ids(reader.batches(16, shuffle=8)) != first


@pytest.mark.parametrize("seed", [None, 5])
def test_ranks_share_an_epoch_evenly(reader: SplitReader, seed: int | None) -> None:
    shares = [ids(reader.batches(16, shuffle=seed, rank=rank, world=3)) for rank in range(3)]
    assert {len(share) for share in shares} == {len(reader) // 3}
    assert len(set().union(*shares)) == 3 * (len(reader) // 3)


@pytest.mark.parametrize("seed", [None, 5])
@pytest.mark.parametrize("given", [0, 1, 3])
def test_a_position_is_gone_on_from(reader: SplitReader, seed: int | None, given: int) -> None:
    whole = ids(reader.batches(16, shuffle=seed))
    stream = reader.batches(16, shuffle=seed)
    head = [batch for batch, _ in zip(stream, range(given), strict=False)] if given else []
    resumed = reader.batches(16, shuffle=seed)
    resumed.load_state_dict({"epoch": 0, "records": 16 * given})
    assert stream.state_dict() == {"epoch": 0, "records": 16 * (given + 1 if given else 0)}
    assert ids(head) + ids(resumed) == whole
    assert resumed.state_dict() == {"epoch": 1, "records": 0}


def test_later_epochs_come_from_the_cache(small_shards: Release, tmp_path: Path) -> None:
    plain = open_release(small_shards.folder, "auxiliary", COLUMNS)
    cached = open_release(small_shards.folder, "auxiliary", COLUMNS, cache=tmp_path)
    expected = activations(plain.batches(16, shuffle=1))
    assert torch.equal(activations(cached.batches(16, shuffle=1)), expected)
    files = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.npy")}
    assert len(files) == len(COLUMNS) * len(cached.shards)
    later = cached.batches(16, shuffle=1)
    assert torch.equal(activations(later), expected)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}.items() >= files.items()
    assert not list(tmp_path.rglob(".*.partial"))


def test_what_a_killed_reader_left_in_the_cache_is_removed_by_the_next(
    release: Release, tmp_path: Path
) -> None:
    """But not what a living one is writing, which holds its lock, or has begun this moment."""
    reader = open_release(release.folder, "auxiliary", COLUMNS, cache=tmp_path)
    home = tmp_path / release.manifest.fingerprint[:32] / Path(reader.shards[0].path).stem
    home.mkdir(parents=True)
    left, held, begun = (home / f".activation.{pid}.1.partial" for pid in (1, 2, 3))
    for path in (left, held, begun):
        path.write_bytes(b"half")
    for path in (left, held):
        os.utime(path, (0, 0))
    with held.open("rb") as stream:
        flock(stream, LOCK_EX)
        list(reader.batches(64))
        assert sorted(home.glob(".*")) == [held, begun]
    assert (home / "activation.npy").exists()


def test_what_is_written_into_a_batch_does_not_reach_the_cache(
    release: Release, tmp_path: Path
) -> None:
    reader = open_release(release.folder, "auxiliary", COLUMNS, cache=tmp_path)
    for batch in reader.batches(16):
        assert isinstance(batch["activation"], torch.Tensor)
        batch["activation"].zero_()
    assert activations(reader.batches(16)).any()


@pytest.fixture(params=["parquet", "webdataset"])
def damaged(request: pytest.FixtureRequest, release: Release, tmp_path: Path) -> Release:
    """The tiny release with a byte flipped in the second shard of the defender's."""
    kind = {"parquet": "none", "webdataset": "none-wds"}[request.param]
    folder = shutil.copytree(release.folder.with_name(kind), tmp_path / kind)
    opened = Release.open(folder)
    path = folder / opened.manifest.shards_of("defender")[1].path
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    return opened


@pytest.mark.parametrize("cached", [False, True])
def test_a_damaged_shard_is_named_before_its_records_are_given_out(
    damaged: Release, tmp_path: Path, cached: bool
) -> None:
    shards = damaged.manifest.shards_of("defender")
    cache = tmp_path / "cache"
    reader = open_release(damaged.folder, "defender", cache=cache if cached else None)
    given: list[Mapping[str, object]] = []
    with pytest.raises(ChecksumMismatch, match=shards[1].path):
        given.extend(reader.batches(shards[0].rows))
    assert len(given) == 1
    kept = {path.parent.name for path in cache.rglob("*.npy")}
    assert Path(shards[1].path).stem not in kept
    assert not list(cache.rglob(".*.partial"))


@pytest.mark.parametrize("columns", [("input",), ("aktivation",), ()])
def test_columns_that_the_split_has_not_are_refused(
    release: Release, columns: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="expected columns of 'test' among sample_id"):
        open_release(release.folder, "test", columns)


def test_two_shards_are_fetched_at_a_time_and_given_in_order(
    small_shards: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = ids(open_release(small_shards.folder, "auxiliary").batches(7))
    asked: set[str] = set()
    both = Barrier(2)

    def far_away(release: Release, file: FileFacts) -> Path:
        if file.path not in asked:
            asked.add(file.path)
            if len(asked) <= 2:
                both.wait(timeout=60)  # fails where one is fetched after the other
        return located(release, file)

    located = Release.located
    monkeypatch.setattr(Release, "located", far_away)
    assert ids(open_release(small_shards.folder, "auxiliary").batches(7)) == stored
    assert len(asked) > 2


def test_a_rank_beyond_the_world_is_refused(reader: SplitReader) -> None:
    with pytest.raises(UsageError, match="rank 2, world 2"):
        reader.batches(16, rank=2, world=2)
