"""The same records, value for value, through every reader, without our package."""

import io
import json
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from leakboard.schemas import Release, public_columns
from leakboard.schemas.records import PUBLIC_SPLITS, vectors_to_numpy

from ..tiny import MakeRelease

SPLITS = ("auxiliary", "test")


def ours(release: Release, split: str) -> dict[str, Any]:
    table = release.table(split, public_columns(split))
    shape = release.manifest.client.activation_shape
    columns = {n: table.column(n).to_pylist() for n in table.column_names if n != "activation"}
    return columns | {"activation": vectors_to_numpy(table.column("activation"), shape)}


def check(release: Release, split: str, ids: list[str], flat: NDArray[np.float16]) -> None:
    expected = ours(release, split)
    assert ids == expected["sample_id"]
    assert flat.dtype == np.float16
    shape = release.manifest.client.activation_shape
    assert np.array_equal(flat.reshape(-1, *shape), expected["activation"])


def parquet(release: Release, split: str) -> list[Path]:
    return [release.folder / shard.path for shard in release.manifest.shards_of(split)]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("streaming", [False, True])
def test_datasets(
    release: Release, split: str, streaming: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    loaded = datasets.load_dataset(
        str(release.folder), streaming=streaming, cache_dir=str(tmp_path)
    )
    assert set(loaded) == set(PUBLIC_SPLITS)
    rows = list(loaded[split])
    feature = loaded[split].features["activation"]
    assert feature.feature.dtype == "float16"
    flat = np.array([row["activation"] for row in rows], np.float16)
    check(release, split, [row["sample_id"] for row in rows], flat)
    if split != "test":
        expected = ours(release, split)
        assert [row["task"] for row in rows] == expected["task"]
        stored = np.asarray(Image.open(io.BytesIO(expected["input"][0]["bytes"])))
        assert np.array_equal(np.asarray(rows[0]["input"]), stored)
        assert loaded[split].features["sensitive"].names == list(release.manifest.sensitive.classes)


def test_datasets_tells_releases_apart_that_lie_under_one_name(
    release_of: MakeRelease, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    for defense in ("none", "disco"):
        made = release_of(defense)
        folder = tmp_path / defense / "release"
        folder.parent.mkdir()
        folder.symlink_to(made.folder)
        loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
        assert loaded["test"]["sample_id"][:] == ours(made, "test")["sample_id"]


def test_the_card_shows_the_reshape(release: Release) -> None:
    card = (release.folder / "README.md").read_text()
    shape = ", ".join(map(str, release.manifest.client.activation_shape))
    assert f"np.float16).reshape({shape})" in card


@pytest.mark.parametrize("split", SPLITS)
def test_pyarrow(release: Release, split: str) -> None:
    tables = [pq.read_table(path) for path in parquet(release, split)]
    flat = np.concatenate([t["activation"].combine_chunks().flatten().to_numpy() for t in tables])
    check(release, split, [i for t in tables for i in t["sample_id"].to_pylist()], flat)


@pytest.mark.parametrize("split", SPLITS)
def test_pandas(release: Release, split: str) -> None:
    frame = pd.concat(map(pd.read_parquet, parquet(release, split)))
    check(release, split, frame["sample_id"].tolist(), np.stack(frame["activation"].to_list()))


@pytest.mark.parametrize("split", SPLITS)
def test_polars(release: Release, split: str) -> None:
    frame = pl.concat([pl.read_parquet(path) for path in parquet(release, split)])
    check(release, split, frame["sample_id"].to_list(), frame["activation"].to_numpy())


@pytest.mark.parametrize("split", SPLITS)
def test_duckdb(release: Release, split: str) -> None:
    files = [str(path) for path in parquet(release, split)]
    query = f"select sample_id, activation from read_parquet({files})"
    rows = duckdb.connect().execute(query).fetchall()
    flat = np.array([row[1] for row in rows], np.float16)
    check(release, split, [row[0] for row in rows], flat)


# webdataset leaves the last shard's file for the garbage collector to close
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("split", SPLITS)
def test_webdataset(release: Release, split: str) -> None:
    import webdataset

    folder = release.folder.with_name("none-wds")
    shards = [str(folder / s.path) for s in Release.open(folder).manifest.shards_of(split)]
    samples = list(webdataset.WebDataset(shards, shardshuffle=False))
    arrays = []
    for sample in samples:
        with np.load(io.BytesIO(sample["activation.npz"]), allow_pickle=False) as stored:
            arrays.append(stored["activation"])
    check(release, split, [sample["__key__"] for sample in samples], np.stack(arrays))
    fields = [json.loads(sample["json"]) for sample in samples]
    expected = ours(release, split)
    assert np.array_equal([f["task_logits"] for f in fields], expected["task_logits"])
    if split != "test":
        assert [f["subject"] for f in fields] == expected["subject"]
        images = [image["bytes"] for image in expected["input"]]
        assert [sample["input.png"] for sample in samples] == images
    else:
        assert {"task", "sensitive", "subject"}.isdisjoint(fields[0])
