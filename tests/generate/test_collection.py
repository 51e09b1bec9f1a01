"""Sets of releases: planned before anything is made, made into one folder, a million if asked."""

import re
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from leakboard.generate import (
    Forecast,
    Share,
    collection,
    forecast,
    generate,
    generate_all,
)
from leakboard.generate.training import players
from leakboard.generate.training.game import Networks
from leakboard.generate.training.trainings import training_of
from leakboard.schemas import BadConfig, Config, Manifest, MissingData, Release, read_configs
from leakboard.schemas.config import PluginTable
from leakboard.schemas.records import QUERIES

from ..sources import ROOT
from ..tiny import tiny_config
from .test_release import tree

CONFIGS = ROOT / "configs"


class Stopped(Exception):
    pass


def at(ratio: float, seed: int = 0) -> Config:
    """A tiny release of DISCO that was trained over random ratios."""
    config = tiny_config("disco", seed)
    options = {"ratio": ratio, "train_ratios": [0.2, 0.8]}
    defense = PluginTable(name="disco", options=options)
    return config.model_copy(update={"name": f"tiny-{ratio}", "defense": defense})


RATIOS = (at(0.3), at(0.7))


@pytest.fixture(scope="module")
def planned() -> list[Forecast]:
    """Two tiny releases of one seed; the second defense is randomized."""
    return forecast([tiny_config("none"), tiny_config("gaussian_noise")])


def test_a_plan_counts_what_is_made(release: Release, planned: list[Forecast]) -> None:
    made = sum(facts.records for facts in release.manifest.splits.values())
    assert planned[0].records == 240
    assert planned[0].records == pytest.approx(made + 240 * 0.02, abs=4)  # and the reserve
    repeated = round(0.08 * 240) + round(0.15 * 240)
    assert planned[1].records == 240 + (QUERIES - 1) * repeated


def test_a_plan_foresees_the_bytes_on_disk(release: Release, planned: list[Forecast]) -> None:
    shards = [shard for shard in release.manifest.shards if shard.split != "test"]
    rows = sum(shard.rows for shard in shards)
    assert planned[0].bytes / 240 == pytest.approx(sum(s.bytes for s in shards) / rows, rel=0.15)


def test_a_shared_warm_up_is_counted_once(planned: list[Forecast]) -> None:
    first, second = planned
    assert first.training_seconds > second.training_seconds > 0
    assert second.writing_seconds > first.writing_seconds > 0


@pytest.mark.slow
def test_a_shared_training_is_counted_once() -> None:
    first, second = forecast(RATIOS)
    assert first.training_seconds > second.training_seconds == 0
    assert second.writing_seconds > 0
    assert second.records == first.records
    assert second.bytes < first.bytes  # more channels are zero


def test_the_published_number_of_images_counts_where_none_are_at_hand() -> None:
    untrained = ("training.epochs=0", "training.warmup_epochs=0")
    (none,) = forecast([Config.read(CONFIGS / "cifar10-none.toml", untrained)])
    assert none.records == 60_000
    assert none.shards == 3 + 2 + 1 + 1 + 1  # of 10,922 records each


@pytest.mark.parametrize(
    ("folder", "images"),
    [("million-cifar10", {"cifar10": 60_000}),
     ("million", {"celeba": 202_599, "cifar10": 60_000, "fairface": 97_698})],
)  # fmt: skip
def test_a_million_is_a_million(folder: str, images: dict[str, int]) -> None:
    configs = read_configs(CONFIGS / folder)
    defended = [c for c in configs if folder != "million" or c.defense.name != "none"]
    records = sum(images[config.dataset.name] for config in defended)
    assert 1_000_000 <= records <= 1_100_000
    assert set(images) == {config.dataset.name for config in configs}
    trainings = {training_of(c): (c.dataset.name, c.defense.name) for c in configs}
    seeds = Counter(trainings.values())
    assert len(seeds) == 4 * len(images)
    assert set(seeds.values()) == {2 if folder == "million-cifar10" else 1}


def test_the_million_of_cifar10_is_the_usual_recipes_at_two_seeds_and_ratios_of_disco() -> None:
    for config in read_configs(CONFIGS / "million-cifar10"):
        changes = [f"seed={config.seed}", f"name={config.name}"]
        if config.defense.name == "disco":
            options = config.defense.options
            assert config.name == f"cifar10-disco-r{100 * options['ratio']:.0f}"
            changes += [f"defense.{name}={value}" for name, value in options.items()]
        recipe = CONFIGS / f"cifar10-{config.defense.name.replace('_', '-')}.toml"
        assert config == Config.read(recipe, tuple(changes))


def test_the_format_of_what_is_released_has_no_part_in_the_training() -> None:
    config = tiny_config("none")
    halved = config.client.model_copy(update={"precision": "bfloat16"})
    assert training_of(config.model_copy(update={"client": halved})) == training_of(config)


@pytest.mark.slow
def test_a_set_is_made_into_one_folder_with_one_secret_and_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    configs = [tiny_config("none"), tiny_config("none", seed=1)]
    with caplog.at_level("INFO", logger="leakboard.generate.collection"):
        made = generate_all(configs, tmp_path / "set")
    (told,) = caplog.messages
    assert re.fullmatch("2 releases made: 480 records, .* peak memory .* GiB", told)
    assert [tree.name for tree in made] == ["tiny-s0", "tiny-s1"]
    secrets = {Manifest.read(home).commitments.secret for home in made}
    assert len(secrets) == 1
    before = tree(tmp_path / "set")
    assert generate_all(configs, tmp_path / "set") == made
    assert tree(tmp_path / "set") == before
    alone = tmp_path / "alone" / "tiny-s0"
    generate(configs[0], alone, secret=tmp_path / "set" / "secret.key")
    assert tree(alone) == tree(made[0])


@pytest.mark.slow
def test_releases_of_one_training_are_those_made_alone_wherever_the_run_was_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> None:
        raise Stopped

    for config in RATIOS:
        generate(config, tmp_path / "alone" / config.name, secret=tmp_path / "secret.key")
    make = partial(generate_all, RATIOS, tmp_path / "set", secret=tmp_path / "secret.key")
    with monkeypatch.context() as patch:
        patch.setattr(players, "save_networks", stopped)  # trained, but no release knows it
        with pytest.raises(Stopped):
            make()
    monkeypatch.setattr(Networks, "forward", stopped)  # nobody trains any more
    made = make()
    for home, config in zip(made, RATIOS, strict=True):
        assert tree(home) == tree(tmp_path / "alone" / config.name)
    assert not (tmp_path / "set" / "trainings").exists()


def test_ranks_share_trainings_out_with_all_their_releases(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made: list[Config] = []
    monkeypatch.setattr(collection, "generate", lambda config, *_, **__: made.append(config))
    configs = [at(0.3), at(0.3, 1), at(0.7), at(0.7, 1), tiny_config("none")]
    for rank, own in ((0, [0, 2, 4]), (1, [1, 3])):
        made.clear()
        generate_all(configs, tmp_path, share=Share(rank, 2))
        assert made == [configs[number] for number in own]


def test_a_folder_without_recipes_or_with_one_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingData, match=r"\*\.toml"):
        read_configs(tmp_path)
    content = (CONFIGS / "cifar10-none.toml").read_text("utf-8")
    for name in ("one", "other"):
        (tmp_path / f"{name}.toml").write_text(content)
    with pytest.raises(BadConfig, match="cifar10-none-s0"):
        read_configs(tmp_path)
