"""Commitments: what the release publishes of its hidden records binds, and tells nothing."""

import hashlib
import hmac
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from click.testing import CliRunner

from leakboard.cli import cli
from leakboard.generate import verify, verify_commitments
from leakboard.schemas import ChecksumMismatch, MissingData, Release, Secret, default_truth
from leakboard.schemas.commitments import committed
from leakboard.schemas.files import sha256_of
from leakboard.schemas.records import RESERVE_COLUMNS, TRUTH_COLUMNS
from leakboard.schemas.shards import read_shard, write_shard

COLUMNS = {"test": TRUTH_COLUMNS, "reserve": RESERVE_COLUMNS}


@pytest.fixture
def truth(release: Release, tmp_path: Path) -> Path:
    """A copy of the truth that a test may change."""
    return Path(shutil.copytree(default_truth(release.folder), tmp_path / "truth"))


def published(release: Release) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((release.folder / "commitments.json").read_text())
    return content


def salt_of(truth: Path) -> bytes:
    return bytes.fromhex(json.loads((truth / "truth.json").read_text())["salt"])


def plant(release: Release, truth: Path, split: str, column: str, value: Any) -> tuple[str, str]:
    """Change record 2 of a split and say in truth.json that it was so; its file and its name."""
    path, schema = sorted(truth.glob(f"{split}-*.parquet"))[0], release.manifest.records
    table = read_shard(path, schema, COLUMNS[split])
    values = table.column(column).to_pylist()
    assert values[2] != value
    values[2] = value
    place = table.schema.get_field_index(column)
    changed = table.set_column(
        place, table.field(column), pa.array(values, table.field(place).type)
    )
    replace(truth, path, changed, release)
    return path.name, table.column("sample_id").to_pylist()[2]


def replace(truth: Path, path: Path, table: pa.Table, release: Release) -> None:
    write_shard(path, table, release.manifest.records)
    facts = json.loads((truth / "truth.json").read_text())
    (file,) = (file for file in facts["files"] if file["path"] == path.name)
    file["bytes"], file["sha256"] = path.stat().st_size, sha256_of(path)
    (truth / "truth.json").write_text(json.dumps(facts))


@pytest.mark.parametrize("suffix", ["", "-wds"])
def test_a_release_commits_to_each_of_its_hidden_records(release: Release, suffix: str) -> None:
    tree = Release.open(release.folder.with_name(f"none{suffix}"))
    hashes = published(tree)
    assert hashes["fingerprint"] == release.manifest.fingerprint
    assert len(hashes["test"]) == release.manifest.splits["test"].records
    assert len(hashes["reserve"]) > 0
    both = [*hashes["test"], *hashes["reserve"]]
    assert len(set(both)) == len(both)
    assert verify_commitments(tree.folder, default_truth(release.folder)) == []


def test_a_record_can_be_opened_alone_by_anyone(release: Release, truth: Path) -> None:
    """By the format as it is described, without this package."""
    path = sorted(truth.glob("test-*.parquet"))[0]
    record = read_shard(path, release.manifest.records, TRUTH_COLUMNS).to_pylist()[0]

    def framed(value: bytes) -> bytes:
        return len(value).to_bytes(8, "little") + value

    key = b"".join(len(p).to_bytes(4, "big") + p for p in (b"record", record["sample_id"].encode()))
    content = hmac.digest(salt_of(truth), key, "sha256")
    for name, value in record.items():
        told = value["bytes"] if name == "input" else str(value).encode()
        content += framed(name.encode()) + framed(told)
    assert hashlib.sha256(content).hexdigest() == published(release)["test"][0]


@pytest.mark.parametrize(
    ("split", "column", "value"),
    [
        ("test", "sensitive", None),
        ("test", "task", None),
        ("test", "subject", "0" * 32),
        ("test", "input", {"bytes": b"another image", "path": None}),
        ("reserve", "sensitive", None),
        ("reserve", "task_logits", [0.0, 0.0]),
    ],
)
def test_a_planted_change_of_one_record_is_found_and_named(
    release: Release, secret_file: Path, truth: Path, split: str, column: str, value: Any
) -> None:
    path = sorted(truth.glob(f"{split}-*.parquet"))[0]
    table = read_shard(path, release.manifest.records, COLUMNS[split])
    planted = 1 - table.column(column).to_pylist()[2] if value is None else value
    file, name = plant(release, truth, split, column, planted)
    found = verify_commitments(release.folder, truth, secret_file)
    assert found[0].file == file
    assert found[0].problem.startswith(f"record 2 of {split}, {name}, is not what")
    assert [one.problem for one in found[1:]] == ["commits to other files of answers"]


def test_records_taken_away_and_put_in_another_order_are_found(
    release: Release, truth: Path
) -> None:
    path = sorted(truth.glob("test-*.parquet"))[-1]
    table = read_shard(path, release.manifest.records, TRUTH_COLUMNS)
    replace(truth, path, table.slice(0, len(table) - 1), release)
    count = release.manifest.splits["test"].records
    (one,) = verify_commitments(release.folder, truth)
    assert one.problem == f"record {count - 1} of {count}, committed to, is missing"
    replace(truth, path, table.take([1, 0, *range(2, len(table))]), release)
    assert len(verify_commitments(release.folder, truth)) == 2


def test_a_damaged_file_of_answers_is_named(release: Release, truth: Path) -> None:
    path = sorted(truth.glob("test-*.parquet"))[0]
    path.write_bytes(path.read_bytes()[:100])
    assert verify_commitments(release.folder, truth)[0].file == path.name


def test_hashes_tell_nothing_without_the_salt(release: Release, truth: Path) -> None:
    """Not even whether a guess of a whole record is right."""
    path = sorted(truth.glob("test-*.parquet"))[0]
    table = read_shard(path, release.manifest.records, TRUTH_COLUMNS)
    hashes = set(published(release)["test"])
    assert hashes.isdisjoint(committed(table, Secret(b"\0" * 32)))
    assert hashes.issuperset(committed(table, Secret(salt_of(truth))))
    public = b"".join(p.read_bytes() for p in release.folder.rglob("*") if p.is_file())
    assert salt_of(truth).hex().encode() not in public


def test_the_commitments_themselves_cannot_be_exchanged(release: Release, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(release.folder, tmp_path / "copy"))
    path = folder / "commitments.json"
    path.write_text(path.read_text().replace("a", "b", 1))
    assert [problem.file for problem in verify(folder)] == ["commitments.json"]
    with pytest.raises(ChecksumMismatch, match=r"commitments\.json"):
        verify_commitments(folder, default_truth(release.folder))


def test_another_secret_is_not_the_one_committed_to(release: Release, tmp_path: Path) -> None:
    (tmp_path / "other.key").write_text("ab" * 32 + "\n")
    truth = default_truth(release.folder)
    (found,) = verify_commitments(release.folder, truth, tmp_path / "other.key")
    assert (found.file, found.problem) == ("manifest.json", "commits to another secret")


def test_a_truth_without_a_salt_proves_nothing(release: Release, truth: Path) -> None:
    facts = json.loads((truth / "truth.json").read_text())
    del facts["salt"]
    (truth / "truth.json").write_text(json.dumps(facts))
    with pytest.raises(MissingData, match="has no salt"):
        verify_commitments(release.folder, truth)


def test_the_command_names_the_record_and_no_label(release: Release, truth: Path) -> None:
    asked = ["verify", str(release.folder), "--commitments", "--truth", str(truth)]
    sound = CliRunner().invoke(cli, asked)
    assert (sound.exit_code, "those that it committed to" in sound.output) == (0, True)
    file, name = plant(release, truth, "test", "subject", "0" * 32)
    found = CliRunner().invoke(cli, asked)
    assert found.exit_code == 1
    assert f"{file}: record 2 of test, {name}, is not what" in found.output
