import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leakboard.schemas import (
    CorruptData,
    Manifest,
    MissingData,
    RecordSchema,
    SchemaMismatch,
    fingerprint,
    public_columns,
)
from leakboard.schemas.files import sha256_of
from leakboard.schemas.manifest import Shard
from leakboard.schemas.shards import content_sha256, read_shard, shard_path, write_shard

from .conftest import MakeRecords, recipe_with

HASHES = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
SHARDS = st.builds(
    Shard,
    path=st.just("data/test-00000-of-00001.parquet"),
    split=st.sampled_from(["auxiliary", "test"]),
    rows=st.integers(1, 9),
    bytes=st.just(1),
    sha256=HASHES,
    content_sha256=HASHES,
)
WEIGHTS = {"weights/client.safetensors": "a" * 64, "weights/task_network.safetensors": "b" * 64}


def content(shards: list[Shard], weights: dict[str, str]) -> object:
    """What the fingerprint is of, written out."""
    return [(shard.split, shard.rows, shard.content_sha256) for shard in shards], weights


weights = st.dictionaries(st.sampled_from(sorted(WEIGHTS)), HASHES, min_size=1)
releases = st.tuples(st.lists(SHARDS, min_size=1, max_size=3), weights)


@given(releases, releases)
def test_two_contents_share_a_fingerprint_only_if_they_are_equal(
    one: tuple[list[Shard], dict[str, str]], other: tuple[list[Shard], dict[str, str]]
) -> None:
    assert (fingerprint(*one) == fingerprint(*other)) == (content(*one) == content(*other))


@given(releases, st.data())
def test_every_change_of_content_changes_the_fingerprint(
    release: tuple[list[Shard], dict[str, str]], data: st.DataObject
) -> None:
    shards, hashes = release
    number = data.draw(st.integers(0, len(shards) - 1))
    changes: list[dict[str, Any]] = [
        {"split": "validation"},
        {"rows": 10},
        {"content_sha256": "0" * 64},
    ]
    change = data.draw(st.sampled_from(changes))
    changed = [*shards]
    changed[number] = shards[number].model_copy(update=change)
    assert fingerprint(changed, hashes) != fingerprint(shards, hashes)
    assert fingerprint([*shards, shards[0]], hashes) != fingerprint(shards, hashes)
    assert fingerprint(shards, {**hashes, "weights/more": "0" * 64}) != fingerprint(shards, hashes)


@given(releases)
def test_files_that_only_hold_the_content_do_not_change_the_fingerprint(
    release: tuple[list[Shard], dict[str, str]],
) -> None:
    shards, hashes = release
    recompressed = [
        shard.model_copy(update={"path": "data/a.tar", "bytes": 2, "sha256": "0" * 64})
        for shard in shards
    ]
    turned = dict(reversed(hashes.items()))
    assert fingerprint(recompressed, turned) == fingerprint(shards, hashes)


def test_parquet_and_webdataset_have_the_same_fingerprint(
    tmp_path: Path, schema: RecordSchema, make_records: MakeRecords
) -> None:
    records = {"auxiliary": make_records(300), "test": make_records(5)}
    parquet = [facts(tmp_path, split, table, schema, "parquet") for split, table in records.items()]
    tar = [facts(tmp_path, split, table, schema, "tar") for split, table in records.items()]
    assert {shard.sha256 for shard in parquet}.isdisjoint(shard.sha256 for shard in tar)
    assert fingerprint(parquet, WEIGHTS) == fingerprint(tar, WEIGHTS)


def facts(folder: Path, split: str, table: pa.Table, schema: RecordSchema, suffix: str) -> Shard:
    """Write one shard, read it back and describe it."""
    columns = public_columns(split)
    path = folder / f"{split}.{suffix}"
    write_shard(path, table.select(columns), schema)
    read = read_shard(path, schema, columns)
    return Shard(
        path=path.name,
        split=split,
        rows=read.num_rows,
        bytes=path.stat().st_size,
        sha256=sha256_of(path),
        content_sha256=content_sha256(read),
    )


@pytest.fixture
def manifest() -> dict[str, Any]:
    """The manifest of a release with one shard per split, as it lies on disk."""
    sha = "0" * 64
    split = {"records": 2, "images": 2, "subjects": 1}
    shards = [
        {
            "path": shard_path(name, 0, 1, "parquet"),
            "split": name,
            "rows": 2,
            "bytes": 99,
            "sha256": sha,
            "content_sha256": sha,
        }
        for name in ("auxiliary", "test")
    ]
    config = recipe_with()
    return {
        "schema_version": 1,
        "name": config["name"],
        "config_id": "0123456789abcdef",
        "seed": 0,
        "scale": "smoke",
        "ranked": True,
        "format": "parquet",
        "dataset": {
            "name": "synthetic",
            "revision": "renderer 1",
            "licence": {"name": "CC0-1.0", "redistributable": True, "citation": "none"},
            "image_size": 32,
        },
        "task": {"name": "smiling", "classes": ["no", "yes"]},
        "sensitive": {"name": "race", "classes": ["a", "b", "c"]},
        "client": {
            "network": "resnet18",
            "split_layer": "layer1",
            "split_index": 4,
            "activation_shape": [64, 8, 8],
        },
        "defense": {"name": "disco", "options": {"ratio": 0.6}, "randomized": False},
        "recompute_tolerance": 0.002,
        "splits": {"auxiliary": split, "test": split},
        "shards": shards,
        "files": [{"path": "README.md", "bytes": 9, "sha256": sha}],
        "commitments": {"secret": sha, "truth": sha},
        "fingerprint": sha,
        "versions": {"leakboard": "0.1.0"},
        "config": config,
    }


def written(folder: Path, manifest: object) -> Path:
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_manifest_says_what_its_records_are(tmp_path: Path, manifest: dict[str, Any]) -> None:
    read = Manifest.read(written(tmp_path, manifest))
    assert read.records == RecordSchema((64, 8, 8), ("no", "yes"), ("a", "b", "c"))
    assert read.image_shape == (32, 32, 3)
    assert [shard.path for shard in read.shards_of("test")] == ["data/test-00000-of-00001.parquet"]
    assert read.shards_of("validation") == ()


def test_a_manifest_is_the_same_after_json(tmp_path: Path, manifest: dict[str, Any]) -> None:
    read = Manifest.read(written(tmp_path, manifest))
    again = Manifest.read(written(tmp_path, json.loads(read.to_json())))
    assert again == read
    assert again.config.config_id == read.config.config_id


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema_version": 2, "novelty": 1}, "schema version 2 is newer than .* upgrade with"),
        ({"novelty": 1}, "unknown key 'novelty'"),
        ({"fingerprint": "0" * 63}, "fingerprint: .*pattern"),
        ({"splits": {"test": {"records": -1, "images": 0, "subjects": 0}}}, r"splits\.test\.rec"),
        ({"task": {"name": "smiling", "classes": ["yes"]}}, r"task\.classes: .*at least 2"),
    ],
    ids=str,
)
def test_a_manifest_of_another_schema_is_refused(
    tmp_path: Path, manifest: dict[str, Any], change: dict[str, Any], message: str
) -> None:
    with pytest.raises(SchemaMismatch, match=f"manifest.json: .*{message}") as refused:
        Manifest.read(written(tmp_path, manifest | change))
    assert "\n" not in str(refused.value)


def test_what_is_no_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match="expected a release, a folder with"):
        Manifest.read(tmp_path)
    with pytest.raises(SchemaMismatch, match="dictionary"):
        Manifest.read(written(tmp_path, ["not", "an", "object"]))
    (tmp_path / "manifest.json").write_bytes(b'{"schema_version": 1')
    with pytest.raises(CorruptData, match=r"manifest\.json is not JSON"):
        Manifest.read(tmp_path)
