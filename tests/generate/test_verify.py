"""verify finds what is wrong and names the file."""

import io
import json
import random
import re
import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from leakboard.generate import generate, verify
from leakboard.generate.datasets import Dataset
from leakboard.generate.datasets.synthetic import Synthetic
from leakboard.generate.plan import PlannedRecord, plan
from leakboard.schemas import Release, SchemaMismatch, public_columns
from leakboard.schemas.files import sha256_of
from leakboard.schemas.shards import read_shard, write_shard

from ..tiny import rewrite_manifest, untrained_config


@pytest.fixture
def copy(release: Release, tmp_path: Path) -> Path:
    """A copy of the undefended release that a test may damage."""
    shutil.copytree(release.folder, tmp_path / "copy")
    return tmp_path / "copy"


def files(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("manifest.json", "SHA256SUMS")
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
    named = {problem.file for problem in verify(copy)}
    assert named == {"measurements.json", "notes.txt", defender[0], defender[1]}


def test_a_file_that_the_manifest_calls_by_another_name_is_found(copy: Path) -> None:
    manifest = copy / "manifest.json"
    manifest.write_text(manifest.read_text().replace("weights/client", "weights/cLient"))
    problems = {problem.file: problem.problem for problem in verify(copy)}
    assert "weights/client.safetensors" in problems["manifest.json"]


def test_a_rewritten_manifest_does_not_hide_changed_records(copy: Path) -> None:
    """Checksums that fit the changed shard still leave the fingerprint wrong."""
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    shards = manifest["shards"]
    test = [i for i, shard in enumerate(shards) if shard["split"] == "test"]
    validation = [i for i, shard in enumerate(shards) if shard["split"] == "validation"]
    shards[validation[0]]["content_sha256"] = shards[test[0]]["content_sha256"]
    rewrite_manifest(copy, manifest)
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
    rewrite_manifest(folder, manifest)
    assert any("holds task" in problem.problem for problem in verify(folder))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("task_logits", np.nan, "task logits that are not finite"),
        ("activation", np.inf, "activations that are not finite"),
        ("query", 1, "queries outside 0..0"),
        ("sensitive", 2, "sensitive labels outside 0..1"),
        ("input", {"bytes": b"no image", "path": None}, "an input is bad"),
    ],
)
def test_a_value_out_of_range_is_found(copy: Path, name: str, value: Any, problem: str) -> None:
    release = Release.open(copy)
    shard = release.manifest.shards_of("auxiliary")[0]
    table = release.read(shard, public_columns("auxiliary"))
    rows = table.column(name).to_pylist()
    rows[3] = [value, *rows[3][1:]] if isinstance(rows[3], list) else value
    field = table.schema.field(name)
    changed = table.set_column(
        table.schema.get_field_index(name), field, pa.array(rows, field.type)
    )
    rewrite(copy, shard.path, lambda path: write_shard(path, changed, release.manifest.records))
    assert any(problem in found.problem for found in verify(copy))


def test_labels_in_the_sizes_of_test_members_are_found(release: Release, tmp_path: Path) -> None:
    """One more space in the JSON of a record, say, for one class and none for the other."""
    folder = Path(shutil.copytree(release.folder.with_name("none-wds"), tmp_path / "copy"))
    shard = Release.open(folder).manifest.shards_of("test")[0].path

    def pad(path: Path) -> None:
        with tarfile.open(path) as tar:
            members = [(member, tar.extractfile(member).read()) for member in tar]  # type: ignore[union-attr]
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
            for number, (member, content) in enumerate(members):
                padded = content + b" " * (number % 4 == 1)
                member.size = len(padded)
                tar.addfile(member, io.BytesIO(padded))

    rewrite(folder, shard, pad)
    assert any("bytes beside its content" in found.problem for found in verify(folder))


def rewrite(folder: Path, name: str, change: Callable[[Path], None]) -> None:
    """Change a shard, and make the manifest say that it should be so."""
    change(folder / name)
    manifest = json.loads((folder / "manifest.json").read_text())
    (shard,) = (shard for shard in manifest["shards"] if shard["path"] == name)
    shard["bytes"], shard["sha256"] = (folder / name).stat().st_size, sha256_of(folder / name)
    rewrite_manifest(folder, manifest)


def test_a_generator_that_leaks_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It writes the sensitive label into one digit of every id, and uses images in two splits."""

    def leaky(dataset: Dataset, *arguments: Any) -> dict[str, list[PlannedRecord]]:
        def planted(one: PlannedRecord) -> PlannedRecord:
            label = int(dataset.index.labels["gender"][one.row])
            name = f"{one.sample_id[:20]}{label}{one.sample_id[21:]}"
            return replace(one, sample_id=name)

        planned = plan(dataset, *arguments)
        return {split: [planted(one) for one in records] for split, records in planned.items()}

    def repeated(self: Synthetic, rows: Sequence[int]) -> Any:
        return encoded_and_pixels(self, [row % 500 for row in rows])

    encoded_and_pixels = Synthetic.encoded_and_pixels
    monkeypatch.setattr("leakboard.generate.release.plan", leaky)
    monkeypatch.setattr(Synthetic, "encoded_and_pixels", repeated)
    generate(untrained_config("none", images=700, identities=700), tmp_path / "x")
    found = " ".join(problem.problem for problem in verify(tmp_path / "x"))
    for split in ("auxiliary", "defender", "test"):
        assert f"{split}: sample_id depends on sensitive" in found
        assert re.search(rf"{split}: [\d.]+% of its images are, but for details, also in", found)


def test_records_in_two_splits_are_found(copy: Path) -> None:
    path = copy / "manifest.json"
    manifest = json.loads(path.read_text())
    for shard in manifest["shards"]:
        if shard["split"] == "validation":
            shard["split"] = "auxiliary"
    rewrite_manifest(copy, manifest)
    assert any("order of its ids" in problem.problem for problem in verify(copy))
    assert any("says" in problem.problem for problem in verify(copy))


def test_a_manifest_of_a_newer_schema_is_refused(copy: Path) -> None:
    path = copy / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"schema_version": 2}))
    with pytest.raises(SchemaMismatch, match="newer than this package reads"):
        verify(copy)
