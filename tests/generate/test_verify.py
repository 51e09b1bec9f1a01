"""verify finds what is wrong and names the file."""

import json
import random
import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from leakboard.generate import verify
from leakboard.schemas import Release, SchemaMismatch, public_columns
from leakboard.schemas.files import sha256_of
from leakboard.schemas.shards import read_shard, write_shard


@pytest.fixture
def copy(release: Release, tmp_path: Path) -> Path:
    """A copy of the undefended release that a test may damage."""
    shutil.copytree(release.folder, tmp_path / "copy")
    return tmp_path / "copy"


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    )


def flip(path: Path, random: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(content)


def test_a_flipped_byte_is_found_in_every_file(copy: Path) -> None:
    for number, name in enumerate(files(copy)):
        original = (copy / name).read_bytes()
        flip(copy / name, random.Random(number))
        assert {problem.file for problem in verify(copy)} == {name}
        (copy / name).write_bytes(original)
    assert verify(copy) == []


def test_a_truncated_shard_is_found(copy: Path) -> None:
    shard = next(name for name in files(copy) if name.startswith("data/test"))
    content = (copy / shard).read_bytes()
    (copy / shard).write_bytes(content[: len(content) // 2])
    (problem,) = verify(copy)
    assert problem.file == shard
    assert "the manifest says" in problem.problem


def test_a_missing_an_extra_and_a_swapped_file_are_found(copy: Path) -> None:
    defender = [name for name in files(copy) if name.startswith("data/defender")]
    (copy / "measurements.json").unlink()
    (copy / "notes.txt").write_text("extra")
    (copy / defender[0]).rename(copy / "kept")
    (copy / defender[1]).rename(copy / defender[0])
    (copy / "kept").rename(copy / defender[1])
    found = {problem.file for problem in verify(copy)}
    assert found == {"measurements.json", "notes.txt", defender[0], defender[1]}


def test_a_rewritten_manifest_does_not_hide_changed_records(copy: Path) -> None:
    """Checksums that fit the changed shard still leave the fingerprint wrong."""
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    shards = manifest["shards"]
    test = [i for i, shard in enumerate(shards) if shard["split"] == "test"]
    validation = [i for i, shard in enumerate(shards) if shard["split"] == "validation"]
    shards[validation[0]]["content_sha256"] = shards[test[0]]["content_sha256"]
    path.write_text(json.dumps(manifest))
    problems = {problem.problem for problem in verify(copy)}
    assert "holds other records than the manifest says" in problems
    assert "the fingerprint is not that of the records and weights" in problems


@pytest.mark.parametrize("suffix", ["", "-wds"])
def test_a_label_smuggled_into_the_test_split_is_found(
    release: Release, tmp_path: Path, suffix: str
) -> None:
    """Even where every checksum fits: the generator itself could be wrong."""
    folder = tmp_path / "copy"
    shutil.copytree(release.folder.with_name(f"none{suffix}"), folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    shard = next(shard for shard in manifest["shards"] if shard["split"] == "test")
    path, schema = folder / shard["path"], release.manifest.records
    columns = (*public_columns("test"), "task")
    table = read_shard(path, schema, public_columns("test"))
    labelled = table.append_column("task", pa.array([0] * table.num_rows))
    write_shard(path, labelled.replace_schema_metadata(schema.arrow(columns).metadata), schema)
    shard["bytes"], shard["sha256"] = path.stat().st_size, sha256_of(path)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert any("holds task" in problem.problem for problem in verify(folder))


def test_records_in_two_splits_are_found(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    for shard in manifest["shards"]:
        if shard["split"] == "validation":
            shard["split"] = "auxiliary"
    path.write_text(json.dumps(manifest))
    assert any("order of its ids" in problem.problem for problem in verify(copy))
    assert any("says" in problem.problem for problem in verify(copy))


def test_a_manifest_of_a_newer_schema_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))
    with pytest.raises(SchemaMismatch, match="newer than this package reads"):
        verify(copy)
