"""What the public tree must not say: which image a test record was made from."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from leakboard.generate import datasets
from leakboard.generate.plan import plan
from leakboard.generate.splits import split
from leakboard.schemas import Release, Secret, answers, default_truth
from leakboard.schemas.shards import read_shard

from ..tiny import tiny_config


@pytest.fixture
def hidden(release: Release) -> list[dict[str, object]]:
    """The withheld answers of the test split, source keys included."""
    folder = default_truth(release.folder)
    columns = ("sample_id", "image_id", "query", "input", "task", "sensitive", "subject", "source")
    tables = [
        read_shard(path, release.manifest.records, columns)
        for path in sorted(folder.glob("test-*.parquet"))
    ]
    return [row for table in tables for row in table.to_pylist()]


@pytest.mark.parametrize("suffix", ["", "-wds"])
def test_no_public_byte_names_a_hidden_source_subject_or_input(
    release: Release, hidden: list[dict[str, object]], suffix: str
) -> None:
    public = release.folder.with_name(f"none{suffix}")
    content = {p: p.read_bytes() for p in public.rglob("*") if p.is_file()}
    names = "\n".join(path.relative_to(public).as_posix() for path in content)
    for row in hidden:
        source, subject = str(row["source"]), str(row["subject"])
        image = row["input"]["bytes"]  # type: ignore[index]
        assert source not in names
        for path, data in content.items():
            assert subject.encode() not in data, path
            assert image not in data, path


def test_the_public_test_shard_has_only_what_left_the_device(release: Release) -> None:
    import pyarrow.parquet as pq

    for shard in release.manifest.shards_of("test"):
        file = pq.ParquetFile(release.folder / shard.path)
        assert file.schema_arrow.names == [
            "sample_id", "image_id", "query", "activation", "task_logits",
        ]  # fmt: skip
        metadata = json.loads(file.schema_arrow.metadata[b"huggingface"])
        assert set(metadata["info"]["features"]) == set(file.schema_arrow.names)
        assert set(file.schema_arrow.metadata) == {b"huggingface"}


def test_ids_are_opaque_and_give_the_order(release: Release) -> None:
    for split_name in release.manifest.splits:
        ids = release.table(split_name, ("sample_id",)).column("sample_id").to_pylist()
        assert ids == sorted(ids)
        assert all(re.fullmatch(r"[0-9a-f]{32}", name) for name in ids)


def test_without_the_secret_a_source_cannot_be_predicted(
    release: Release, hidden: list[dict[str, object]]
) -> None:
    """Code, configuration, seed and images under a guessed secret: no id, and order by chance."""
    options = {"images": 240, "identities": 60}
    dataset = datasets.create("synthetic", None, 32, options)
    guess = Secret(b"\0" * 32)
    splits = split(dataset, "synthetic", guess)
    planned = plan(dataset, splits, tiny_config("none"), guess, randomized=False)
    ids = {record.sample_id for records in planned.values() for record in records}
    assert ids.isdisjoint(str(row["sample_id"]) for row in hidden)
    in_order = zip(planned["test"], hidden, strict=False)
    hits = sum(dataset.index.keys[record.row] == row["source"] for record, row in in_order)
    assert hits <= 3  # chance: about 36 positions x 1/240


def test_order_and_sizes_say_nothing_about_source_or_label(hidden: list[dict[str, object]]) -> None:
    """Rank correlations with position in the shard stay within chance (|z| < 4)."""
    position = np.arange(len(hidden))
    keys = sorted(str(row["source"]) for row in hidden)
    facts = {
        "source": np.array([keys.index(str(row["source"])) for row in hidden]),
        "task": np.array([row["task"] for row in hidden]),
        "sensitive": np.array([row["sensitive"] for row in hidden]),
    }
    for name, values in facts.items():
        correlation = np.corrcoef(position, values)[0, 1]
        assert abs(correlation) * np.sqrt(len(hidden) - 1) < 4, name


def test_every_test_record_takes_the_same_number_of_bytes_before_compression(
    release: Release,
) -> None:
    table = release.table("test", ("sample_id", "image_id", "query", "activation", "task_logits"))
    row = {
        sum(len(str(value)) for value in (r["sample_id"], r["image_id"])) for r in table.to_pylist()
    }
    assert row == {64}


def test_public_images_carry_no_metadata(release: Release) -> None:
    table = answers(release, "auxiliary", None)
    for image in table.column("input").to_pylist():
        opened = Image.open(io.BytesIO(image["bytes"]))
        assert not opened.getexif()
        assert image["path"] is None
        assert Path(str(getattr(opened, "filename", ""))).name == ""
