"""A release that may not be passed on: its recipe, and what who has the images makes of it."""

import hashlib
import json
import multiprocessing
import random
import re
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from leakboard.cli import cli
from leakboard.evaluate import open_release
from leakboard.generate import generate, materialize, pull, push, verify
from leakboard.generate.engine import Engine
from leakboard.generate.places import Places
from leakboard.generate.recipes.sketch import sketched
from leakboard.leaderboard.worker.helpers import releases_in
from leakboard.schemas import (
    ChecksumMismatch,
    Config,
    LeakboardError,
    Manifest,
    MissingData,
    OutputExists,
    Release,
    Truth,
    UsageError,
    default_truth,
    public_columns,
)
from leakboard.schemas.hub import Repository
from leakboard.schemas.recipe import read_tables
from leakboard.schemas.records import ANSWERED_SPLITS, vectors_to_numpy

from ..hub import Hub
from ..tiny import RECIPE, rewrite_manifest
from .dataset_sources import celeba_drawn
from .test_release import tree

pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=<...>':DeprecationWarning")

CONFIG: dict[str, Any] = {
    **RECIPE,
    "dataset": {"name": "celeba", "task": "Smiling", "sensitive": "Male", "size": 32},
    "defense": {"name": "none"},
    "training": {"warmup_epochs": 0, "epochs": 0},
}
SHARD_BYTES = 2**20  # several shards per split


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn faces, in the layout and under the terms of CelebA."""
    folder = tmp_path_factory.mktemp("source") / "celeba"
    celeba_drawn(folder, images=240, people=60)
    return folder


@pytest.fixture(scope="module")
def made(source: Path) -> Release:
    """A release with both formats, made from them."""
    out = source.parent / "out"
    generate(
        Config.parse(CONFIG, "test"),
        out,
        source=str(source),
        formats=("parquet", "webdataset"),
        shard_bytes=SHARD_BYTES,
    )
    return Release.open(out)


@pytest.fixture(scope="module")
def recipe(made: Release) -> Path:
    return made.folder.with_name("out-recipe")


def changed(source: Path, folder: Path, change: Callable[[list[Any]], object]) -> Path:
    """A copy of the source, whose images and labels of the first file were changed."""
    shutil.copytree(source, folder)
    path = next(folder.glob("*/train-*.parquet"))
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, table.schema), path)
    return folder


@pytest.mark.parametrize("suffix", ["", "-wds"])
def test_who_has_the_images_rebuilds_the_release_byte_for_byte(
    made: Release, source: Path, tmp_path: Path, suffix: str
) -> None:
    folder = made.folder.with_name(f"out{suffix}")
    rebuilt = materialize(folder.with_name(f"out{suffix}-recipe"), tmp_path / "r", str(source))
    assert rebuilt.identical == rebuilt.shards > 4
    assert tree(tmp_path / "r") == tree(folder)
    assert verify(tmp_path / "r", default_truth(made.folder)) == []


def test_the_recipe_goes_to_the_hub_and_comes_back(
    hub: Hub,
    made: Release,
    recipe: Path,
    source: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Pushed in the place of the release; pulled whole, and rebuilt by the command."""
    push(made.folder, "tester/recipes", "v1")
    (pulled,) = pull(Repository.at("tester/recipes", "v1"), tmp_path)
    assert tree(pulled) == tree(recipe)
    assert verify(pulled) == []
    assert pull(Repository.at("tester/recipes", "v1"), tmp_path) == [pulled]
    with pytest.raises(MissingData, match="tester/recipes/tiny-s0/ is a recipe, without records"):
        open_release("tester/recipes", "auxiliary", name="tiny-s0")[0]
    command = ["materialize", str(pulled), "--data", str(source)]
    cli.main(command, standalone_mode=False)
    said = capsys.readouterr().out
    shards = len(made.manifest.shards)
    assert f"complete, {shards} of {shards} shards byte for byte as promised; check it" in said
    assert tree(tmp_path / "tiny-s0-materialized") == tree(made.folder)


def test_nothing_of_the_images_or_activations_goes_to_the_hub(
    hub: Hub, made: Release, source: Path
) -> None:
    push(made.folder, "tester/recipes")
    sent = hub.files("tester/recipes")
    assert not [path for path in sent if "/data/" in path]
    told = b"".join(content for path, content in sent.items() if ".safetensors" not in path)
    assert not re.findall(rb"\x89PNG|\xff\xd8\xff", told)  # millions of weights hold any 3 bytes


def test_of_a_test_record_the_recipe_says_only_what_its_public_record_says(
    made: Release, recipe: Path
) -> None:
    """Every column of it is computed here from the public columns of the release."""
    table = read_tables(recipe)["test"]
    public = made.table("test", public_columns("test"))
    shape = made.manifest.client.activation_shape
    activation = vectors_to_numpy(public.column("activation"), shape)
    expected = {
        "sample_id": public.column("sample_id").to_pylist(),
        "image_id": public.column("image_id").to_pylist(),
        "sketch": sketched(activation).tolist(),
    }
    assert table.to_pydict() == expected


def test_no_file_of_the_recipe_names_an_image_of_the_test_or_reserve_split(
    made: Release, recipe: Path
) -> None:
    truth = Truth.open(default_truth(made.folder), made)
    hidden = {*truth.answers()["source"].to_pylist(), *truth.reserve()["source"].to_pylist()}
    tables = read_tables(recipe, ANSWERED_SPLITS)
    named = {key for table in tables.values() for key in table.column("source").to_pylist()}
    assert len(named) + len(hidden) == 240
    assert not named & hidden


def test_a_recipe_shows_no_label(made: Release, recipe: Path) -> None:
    """What binds an image and its labels is a hash that only who has both can make."""
    table = read_tables(recipe)["validation"]
    assert set(table.column_names).isdisjoint({"task", "sensitive", "input", "activation"})
    answers = made.table("validation", ("sample_id", "input", "task", "sensitive")).to_pylist()
    for one, digest in zip(answers, table.column("source_sha256").to_pylist(), strict=True):
        image = hashlib.sha256(one["input"]["bytes"]).hexdigest()
        text = f"{image} {one['task']} {one['sensitive']}"
        assert digest == hashlib.sha256(text.encode()).hexdigest()


def test_a_sketch_is_a_product_with_signs_of_the_documented_bits() -> None:
    activation = np.random.default_rng(0).normal(size=(3, 2, 3, 3)).astype(np.float16)
    bits = hashlib.shake_256(b"leakboard sketch").digest(8 * 3)  # 18 values: 3 bytes a row
    for number in range(8):
        row = bits[3 * number : 3 * number + 3]
        signs = [-1 if row[n // 8] >> (7 - n % 8) & 1 else 1 for n in range(18)]
        expected = activation.reshape(3, -1).astype(float) @ signs / np.sqrt(18)
        assert np.allclose(sketched(activation)[:, number], expected, atol=1e-6)


def test_a_wrong_image_and_a_wrong_label_are_named(
    recipe: Path, source: Path, tmp_path: Path
) -> None:
    named = read_tables(recipe, ("auxiliary",))["auxiliary"].column("source").to_pylist()
    key = next(key for key in named if key.startswith("train-"))
    row = int(key.partition("/")[2])

    def swap(rows: list[Any]) -> None:
        rows[row]["image"] = rows[row - 1]["image"]

    def flip(rows: list[Any]) -> None:
        rows[row]["Male"] = not rows[row]["Male"]

    for name, change in {"image": swap, "label": flip}.items():
        other = changed(source, tmp_path / name, change)
        with pytest.raises(ChecksumMismatch, match=rf"1 images or their labels .* {key};"):
            materialize(recipe, tmp_path / f"{name}-out", str(other))
        assert not (tmp_path / f"{name}-out").exists()


def test_a_missing_image_is_named(recipe: Path, source: Path, tmp_path: Path) -> None:
    named = read_tables(recipe, ANSWERED_SPLITS).values()
    keys = {key for table in named for key in table.column("source").to_pylist()}
    row = max(int(key.partition("/")[2]) for key in keys if key.startswith("train-"))
    other = changed(source, tmp_path / "celeba", lambda rows: rows.__delitem__(slice(row, None)))
    with pytest.raises(MissingData, match=rf"lacks 1 images .* first being train-00000/{row};"):
        materialize(recipe, tmp_path / "out", str(other))


def test_a_test_record_without_its_image_is_named_by_its_id(
    made: Release, recipe: Path, source: Path, tmp_path: Path
) -> None:
    answers = Truth.open(default_truth(made.folder), made).answers()
    keys, names = answers.column("source").to_pylist(), answers.column("sample_id").to_pylist()
    place = next(place for place, key in enumerate(keys) if key.startswith("train-"))
    row = int(keys[place].partition("/")[2])

    def swap(rows: list[Any]) -> None:
        rows[row]["image"] = rows[row - 1]["image"]

    other = changed(source, tmp_path / "celeba", swap)
    with pytest.raises(MissingData, match=rf"of 1 of {len(keys)} test records.* {names[place]};"):
        materialize(recipe, tmp_path / "out", str(other))


@pytest.mark.filterwarnings("ignore:TF32 acceleration")  # torch says so of its own switch
def test_a_machine_that_rounds_otherwise_has_the_same_release_within_the_tolerance(
    made: Release, recipe: Path, source: Path, tmp_path: Path
) -> None:
    """Torch's own convolutions sum in another order than those of oneDNN."""
    with torch.backends.mkldnn.flags(enabled=False):
        rebuilt = materialize(recipe, tmp_path / "out", str(source))
    assert rebuilt.identical < rebuilt.shards
    assert verify(tmp_path / "out", default_truth(made.folder)) == []
    manifest = Manifest.read(tmp_path / "out")
    assert manifest.fingerprint == made.manifest.fingerprint
    promised = [shard.promised or shard.content_sha256 for shard in manifest.shards]
    assert promised == [shard.content_sha256 for shard in made.manifest.shards]
    ids = [
        opened.table("test", ("sample_id",)).column("sample_id").to_pylist()
        for opened in (made, Release.open(tmp_path / "out"))
    ]
    assert ids[0] == ids[1]


def test_activations_beyond_the_tolerance_are_refused(
    recipe: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def louder(engine: Engine, *arguments: Any) -> torch.Tensor:
        return activations(engine, *arguments) * 1.02

    activations = Engine.activations
    with monkeypatch.context() as patch:
        patch.setattr(Engine, "activations", louder)
        with pytest.raises(MissingData, match="no image gives the activation"):
            materialize(recipe, tmp_path / "out", str(source))
    rebuilt = materialize(recipe, tmp_path / "out", str(source))
    assert rebuilt.identical == rebuilt.shards


def test_only_the_records_of_a_recipe_are_missing(recipe: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"is a recipe, .* `leakboard materialize"):
        Release.open(recipe).table("test", ("sample_id",))
    with pytest.raises(MissingData, match="expected a recipe"):
        materialize(tmp_path, tmp_path / "out", None)


def test_a_recipe_is_no_release_that_a_board_could_score_on(made: Release, recipe: Path) -> None:
    assert recipe not in releases_in(made.folder.parent).values()
    with pytest.raises(MissingData, match="expected a release, or a folder of releases"):
        releases_in(recipe)


@pytest.mark.slow
def test_any_changed_byte_of_a_recipe_is_found(recipe: Path, tmp_path: Path) -> None:
    """One bit of each file at a time, and eight bits of what nothing else vouches for."""
    copy = tmp_path / "copy"
    shutil.copytree(recipe, copy)
    draws = random.Random(0)
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        sound = path.read_bytes()
        for _ in range(8 if path.name == "recipe.json" else 1):
            content = bytearray(sound)
            content[draws.randrange(len(content))] ^= 1 << draws.randrange(8)
            path.write_bytes(content)
            with suppress(LeakboardError):
                assert verify(copy) != [], path
        path.write_bytes(sound)
    assert verify(copy) == []


def test_a_folder_of_something_else_is_left_alone(
    recipe: Path, source: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(OutputExists, match="not empty"):
        materialize(recipe, tmp_path / "out", str(source))
    (tmp_path / "other.partial").mkdir()
    with pytest.raises(OutputExists, match="another unfinished release"):
        materialize(recipe, tmp_path / "other", str(source))


@pytest.mark.slow
def test_a_run_stopped_between_recipe_and_release_goes_on(
    made: Release, recipe: Path, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And a recipe of a release that is not there is never taken for that of a new one."""
    secret = default_truth(made.folder) / "secret.key"

    def run() -> None:
        config = Config.parse(CONFIG, "test")
        settings: Any = {"formats": ("parquet", "webdataset"), "shard_bytes": SHARD_BYTES}
        generate(config, tmp_path / "out", source=str(source), secret=secret, **settings)

    def stop(places: Places) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Places, "publish", stop)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert tree(tmp_path / "out-recipe") == tree(recipe)
    run()
    for suffix in ("", "-wds", "-recipe", "-wds-recipe"):
        name = f"out{suffix}"
        assert tree(tmp_path / name) == tree(made.folder.with_name(name))
    with pytest.raises(OutputExists, match="is a finished release"):
        run()
    for suffix in ("", "-wds", "-truth"):
        shutil.rmtree(tmp_path / f"out{suffix}")
    with pytest.raises(OutputExists, match="out-recipe is there already"):
        run()


def test_what_has_no_recipe_is_not_pushed(hub: Hub, made: Release, tmp_path: Path) -> None:
    """Without the recipe beside it; and the noise of a randomised defense is nobody's to know."""
    for path in ("manifest.json", "SHA256SUMS"):
        shutil.copy(made.folder / path, tmp_path / path)
    with pytest.raises(UsageError, match=r"expected its recipe as .*-recipe"):
        push(tmp_path, "tester/recipes")
    content = json.loads((tmp_path / "manifest.json").read_text())
    content["defense"]["randomized"] = True
    rewrite_manifest(tmp_path, content)
    with pytest.raises(UsageError, match="its noise follows from the secret"):
        push(tmp_path, "tester/recipes")
    assert hub.store.repositories == {}


@pytest.mark.slow
def test_killed_anywhere_and_started_again_it_ends_with_the_same_bytes(
    made: Release, recipe: Path, source: Path, tmp_path: Path
) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["leakboard.generate"])

    def run(out: Path, seconds: float | None) -> int | None:
        process = context.Process(target=materialize, args=(recipe, out, str(source)))
        process.start()
        process.join(seconds)
        process.kill()
        process.join()
        return process.exitcode

    assert run(tmp_path / "first", None) == 0  # loads what later processes have at once
    began = time.monotonic()
    assert run(tmp_path / "undisturbed", None) == 0
    seconds, out = time.monotonic() - began, tmp_path / "out"
    ends = [run(out, seconds * part) for part in (0.02, 0.1, 0.2, 0.3, 0.5, 0.6, 0.7)]
    assert -signal.SIGKILL in ends
    assert out.exists() or run(out, None) == 0
    assert tree(out) == tree(made.folder)
    assert not out.with_name("out.partial").exists()
