"""A release on disk: complete, deterministic, resumable, and named by nothing but the secret."""

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray

from leakboard.generate import Share, generate, load_client, recompute, verify
from leakboard.generate.engine import Engine
from leakboard.generate.plan import PlannedRecord
from leakboard.schemas import (
    ActivationOverflow,
    ChecksumMismatch,
    Config,
    CorruptData,
    OutputExists,
    Release,
    UsageError,
    answers,
    default_truth,
)
from leakboard.schemas.records import PUBLIC_SPLITS, vectors_to_numpy

from ..tiny import DEFENSES, SHARD_BYTES, MakeRelease, tiny_config, untrained_config


def tree(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def make(config: Config, out: Path, secret: Path) -> Path:
    generate(config, out, secret=secret, formats=("parquet", "webdataset"), shard_bytes=SHARD_BYTES)
    return out


def same(one: Path, other: Path) -> bool:
    """Whether both formats and the truth of two releases are the same bytes."""
    trees = [
        [tree(folder.with_name(f"{folder.name}{suffix}")) for suffix in ("", "-wds", "-truth")]
        for folder in (one, other)
    ]
    return trees[0] == trees[1] and all(trees[0])


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, secret_file: Path) -> Release:
    """An undefended release of untrained networks, made without a stop and by one process."""
    folder = tmp_path_factory.mktemp("plain") / "none"
    return Release.open(make(untrained_config("none"), folder, secret_file))


@pytest.mark.parametrize("defense", sorted(DEFENSES))
def test_a_release_is_sound_in_both_formats(release_of: MakeRelease, defense: str) -> None:
    release = release_of(defense)
    secret = release.folder.parent / "secret.key"
    for folder in (release.folder, release.folder.with_name(f"{defense}-wds")):
        assert verify(folder) == []
        assert recompute(folder, 30, secret) == []


def test_both_formats_have_one_fingerprint(release: Release) -> None:
    webdataset = Release.open(release.folder.with_name("none-wds"))
    assert webdataset.manifest.fingerprint == release.manifest.fingerprint
    assert webdataset.manifest.format != release.manifest.format


def test_the_same_secret_gives_the_same_bytes(
    release: Release, secret_file: Path, tmp_path: Path
) -> None:
    assert same(release.folder, make(tiny_config("none"), tmp_path / "none", secret_file))


@pytest.mark.parametrize("changed", ["seed", "secret"])
def test_another_seed_or_secret_gives_other_ids(
    plain: Release, secret_file: Path, tmp_path: Path, changed: str
) -> None:
    seed = 1 if changed == "seed" else 0
    secret = secret_file if changed == "seed" else tmp_path / "other.key"
    other = Release.open(make(untrained_config("none", seed), tmp_path / "other", secret))
    names = ("sample_id", "image_id")
    for split in PUBLIC_SPLITS:
        for name in names:
            ids = (r.table(split, (name,)).column(name).to_pylist() for r in (plain, other))
            assert set.isdisjoint(*map(set, ids))


def test_releases_of_one_secret_share_their_splits(release_of: MakeRelease) -> None:
    def subjects(name: str, split: str) -> set[bytes]:
        table = answers(release_of(name), split, None)
        return {image["bytes"] for image in table.column("input").to_pylist()}

    for split in PUBLIC_SPLITS:
        assert subjects("none", split) == subjects("disco", split)


def test_a_stopped_run_continues_to_the_same_bytes(
    plain: Release, secret_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = 0

    def stop_at_the_third_slice(engine: Engine, *arguments: Any) -> pa.Table:
        nonlocal started
        started += 1
        if started == 3:
            raise KeyboardInterrupt
        return table(engine, *arguments)

    table = Engine.table
    monkeypatch.setattr(Engine, "table", stop_at_the_third_slice)
    with pytest.raises(KeyboardInterrupt):
        make(untrained_config("none"), tmp_path / "none", secret_file)
    assert not (tmp_path / "none").exists()
    monkeypatch.undo()
    assert same(plain.folder, make(untrained_config("none"), tmp_path / "none", secret_file))


def test_the_bytes_do_not_depend_on_the_number_of_cores(secret_file: Path, tmp_path: Path) -> None:
    """Training aside, which takes its sums in another order: these networks are untrained."""
    config = untrained_config("random_pruning")
    before = torch.get_num_threads()
    for cores in (1, 3):
        torch.set_num_threads(cores)
        make(config, tmp_path / f"{cores}" / "x", secret_file)
        assert torch.get_num_threads() == cores
    torch.set_num_threads(before)
    assert tree(tmp_path / "1") == tree(tmp_path / "3")


def test_one_bad_image_stops_every_thread_at_once(
    secret_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []

    def fail_at_first(engine: Engine, records: Sequence[PlannedRecord]) -> pa.Table:
        made.append(len(records))
        if len(made) == 1:
            raise CorruptData("image 7 cannot be decoded")
        return table(engine, records)

    table = Engine.table
    monkeypatch.setattr(Engine, "table", fail_at_first)
    with pytest.raises(CorruptData, match="image 7"):
        make(untrained_config("random_pruning", images=480), tmp_path / "x", secret_file)
    assert sum(made) < 1000  # of 2,130: what was being made when the first one failed


def test_a_run_that_was_stopped_between_its_two_names_continues(
    secret_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(path: Path, target: Path) -> Path:
        if target.name == "x":
            raise KeyboardInterrupt
        return rename(path, target)

    rename = Path.rename
    monkeypatch.setattr(Path, "rename", stop)
    with pytest.raises(KeyboardInterrupt):
        make(untrained_config("none"), tmp_path / "x", secret_file)
    monkeypatch.undo()
    assert (tmp_path / "x-wds").exists()
    assert not (tmp_path / "x").exists()
    made = make(untrained_config("none"), tmp_path / "x", secret_file)
    assert verify(made) == verify(made.with_name("x-wds")) == []
    assert not list(tmp_path.glob("*.partial"))


def test_shares_of_several_processes_are_the_same_bytes_as_one(
    plain: Release, secret_file: Path, tmp_path: Path
) -> None:
    config, out = untrained_config("none"), tmp_path / "none"
    arguments: Any = {
        "secret": secret_file,
        "formats": ("parquet", "webdataset"),
        "shard_bytes": SHARD_BYTES,
    }
    with pytest.raises(UsageError, match="run rank 0 first"):
        generate(config, out, share=Share(1, 3), **arguments)
    for rank in (0, 2, 1):
        assert generate(config, out, share=Share(rank, 3), **arguments) == []
        assert not out.exists()
    shards = set((tmp_path / "none.partial" / "data").iterdir())
    generate(config, out, **arguments)
    assert {path.name for path in shards} == {path.name for path in (out / "data").iterdir()}
    assert same(plain.folder, out)


def test_a_rank_outside_the_world_is_refused() -> None:
    with pytest.raises(UsageError, match=r"rank in 0 \.\. 2"):
        Share(3, 3)


def test_nothing_is_replaced(release: Release, secret_file: Path, tmp_path: Path) -> None:
    before = tree(release.folder)
    with pytest.raises(OutputExists, match="choose another --out"):
        make(tiny_config("none"), release.folder, secret_file)
    assert tree(release.folder) == before
    (tmp_path / "x.partial").mkdir()
    (tmp_path / "x.partial" / "recipe.json").write_text("{}")
    with pytest.raises(OutputExists, match="unfinished release of another recipe"):
        make(tiny_config("none"), tmp_path / "x", secret_file)


def test_repeated_queries_differ_and_share_their_image(release_of: MakeRelease) -> None:
    release = release_of("gaussian_noise")
    table = release.table("test", ("image_id", "query", "activation"))
    queries = table.group_by("image_id").aggregate([("query", "count")])
    assert set(queries.column("query_count").to_pylist()) == {16}
    z = vectors_to_numpy(table.column("activation"), release.manifest.client.activation_shape)
    image = table.column("image_id").to_pylist()
    of_first = {z[row].tobytes() for row in range(len(z)) if image[row] == image[0]}
    assert len(of_first) == 16


def test_recomputing_a_randomized_defense_needs_its_secret(
    release_of: MakeRelease, tmp_path: Path
) -> None:
    release = release_of("gaussian_noise")
    with pytest.raises(UsageError, match="--secret FILE"):
        recompute(release.folder, 1)


def by_image(release: Release) -> NDArray[np.float64]:
    """The activations of the first validation shard, in the order of their images' bytes."""
    table = release.read(release.manifest.shards_of("validation")[0], ("input", "activation"))
    order = np.argsort([image["bytes"] for image in table.column("input").to_pylist()])
    shape = release.manifest.client.activation_shape
    return vectors_to_numpy(table.column("activation"), shape)[order].astype(float)


@pytest.mark.parametrize("defense", ["none", "disco"])
def test_a_client_can_compute_in_bfloat16(
    release_of: MakeRelease, secret_file: Path, tmp_path: Path, defense: str
) -> None:
    reference = release_of(defense)
    client = tiny_config(defense).client.model_copy(update={"precision": "bfloat16"})
    config = tiny_config(defense).model_copy(update={"client": client})
    generate(config, tmp_path / "halved", secret=secret_file, shard_bytes=SHARD_BYTES)
    halved = Release.open(tmp_path / "halved")
    assert halved.manifest.client.precision == "bfloat16"
    assert halved.manifest.config_id != reference.manifest.config_id
    assert recompute(halved.folder, 30) == []
    weights = "weights/client.safetensors"
    assert halved.manifest.file(weights).sha256 == reference.manifest.file(weights).sha256
    z, rounded = (by_image(release) for release in (reference, halved))
    same = (z != 0).any(axis=(2, 3)) == (rounded != 0).any(axis=(2, 3))
    error = np.abs(z - rounded)[same]  # of the channels that both let through, or neither
    assert same.mean() > 0.9
    assert 0 < error.max() < 16 * 2**-8 * (1 + np.abs(z).max())  # bfloat16 has 8 bits


def test_recompute_finds_foreign_weights(release_of: MakeRelease, tmp_path: Path) -> None:
    shutil.copytree(release_of("none").folder, tmp_path / "none")
    client = load_client(tmp_path / "none")
    weights = {name: values.contiguous() for name, values in client.state_dict().items()}
    weights["layers.conv1.weight"] *= 1.1
    stored = safetensors.torch.save(weights)
    path = "weights/client.safetensors"
    (tmp_path / "none" / path).write_bytes(stored)
    with pytest.raises(ChecksumMismatch, match="not those that the manifest promises"):
        recompute(tmp_path / "none", 10)
    manifest = json.loads((tmp_path / "none" / "manifest.json").read_text())
    (facts,) = (file for file in manifest["files"] if file["path"] == path)
    facts["sha256"] = hashlib.sha256(stored).hexdigest()
    (tmp_path / "none" / "manifest.json").write_text(json.dumps(manifest))
    problems = recompute(tmp_path / "none", 10)
    assert len(problems) == 10
    assert "differs by" in problems[0].problem


def test_an_activation_beyond_float16_stops_the_run(secret_file: Path, tmp_path: Path) -> None:
    config = tiny_config("gaussian_noise")
    noisy = config.defense.model_copy(update={"options": {"sigma": 1e6}})
    with pytest.raises(ActivationOverflow, match="float16"):
        generate(config.model_copy(update={"defense": noisy}), tmp_path / "x", secret=secret_file)
    assert not (tmp_path / "x").exists()


def test_client_is_differentiable_through_the_hard_mask(release_of: MakeRelease) -> None:
    client = load_client(release_of("disco").folder)
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    client(images).square().sum().backward()
    assert images.grad is not None
    assert images.grad.abs().sum() > 0


def test_a_randomized_client_asks_for_its_noise(release_of: MakeRelease) -> None:
    client = load_client(release_of("gaussian_noise").folder)
    with pytest.raises(ValueError, match="randomized"):
        client(torch.rand(2, 3, 32, 32))


@pytest.mark.parametrize("defense", ["random_pruning", "gaussian_noise"])
def test_repeated_queries_are_answered_as_if_each_were_encoded(
    defense: str, release_of: MakeRelease
) -> None:
    client, images = load_client(release_of(defense).folder), torch.rand(3, 3, 32, 32)
    image_of = torch.tensor([0, 1, 1, 2, 2, 2])
    answers = client.ask(images, image_of, torch.Generator().manual_seed(1))
    expected = client(images[image_of], torch.Generator().manual_seed(1))
    torch.testing.assert_close(answers, expected)
    assert not torch.equal(answers[1], answers[2])


def test_truth_lies_outside_the_public_tree(release: Release) -> None:
    truth = default_truth(release.folder)
    assert not truth.is_relative_to(release.folder)
    assert answers(release, "test", None).num_rows == release.manifest.splits["test"].records


def test_the_compressed_size_is_that_of_each_activation_alone(release: Release) -> None:
    table = release.table("validation", ("activation",))
    shape = release.manifest.client.activation_shape
    sent = vectors_to_numpy(table.column("activation"), shape)[:256]
    codec = pa.Codec("zstd", compression_level=1)
    sizes = [len(codec.compress(one.tobytes())) for one in sent]
    cost = release.measurements.cost
    assert cost.compressed_bytes_sent == pytest.approx(sum(sizes) / len(sizes))
    assert cost.bytes_sent == sent[0].nbytes
