"""The training loop: one seed gives one result, wherever it was stopped and taken up again."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from leakboard.generate import defenses
from leakboard.generate.networks.networks import AttributeAdversary, seeded
from leakboard.generate.training import training
from leakboard.generate.training.checkpoints import Checkpoints, Place, SharedWeights
from leakboard.generate.training.game import Networks, Stage, TrainingData
from leakboard.generate.training.phases import optimizers_of, phases
from leakboard.generate.training.training import train
from leakboard.schemas import BadConfig, Config, CorruptData
from leakboard.schemas.config import TrainingTable

from ..sources import ROOT
from ..tiny import tiny_config
from .defense_players import make

SETTINGS = TrainingTable(
    warmup_epochs=1, epochs=2, batch_size=32, adversary_warmup_steps=2, adversary_steps=1
)


def fresh(defense: str = "disco", seed: int = 0, **options: Any) -> Networks:
    """Small players with everything that could go wrong: batch statistics, and dropout."""
    with seeded(seed):
        client = nn.Sequential(nn.Conv2d(3, 8, 3, stride=4), nn.BatchNorm2d(8), nn.ReLU())
        task_network = nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(8 * 8 * 8, 2))
        made = defenses.create(defense, {"ratio": 0.6} | options, (8, 8, 8))
        adversary = AttributeAdversary(8, 2) if made.adversary else nn.Identity()
        return Networks(client, task_network, made, adversary)


def drawn(count: int = 96) -> TrainingData:
    generator = torch.Generator().manual_seed(0)
    return TrainingData(
        torch.randint(256, (count, 3, 32, 32), generator=generator, dtype=torch.uint8),
        torch.randint(2, (count,), generator=generator),
        torch.randint(2, (count,), generator=generator),
    )


def never(folder: Path) -> Checkpoints:
    return Checkpoints(folder, seconds=float("inf"))


def weights(networks: Networks) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in networks.state_dict().items()}


def equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one | other)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    networks = fresh()
    proxy = train(drawn(), networks, SETTINGS, 0, never(tmp_path_factory.mktemp("never")))
    return weights(networks), proxy


class Stopped(Exception):
    pass


@pytest.mark.parametrize("steps", [1, 3, 4, 10])
def test_a_stopped_training_goes_on_to_the_same_weights(
    undisturbed: tuple[dict[str, Tensor], float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    steps: int,
) -> None:
    """Stopped in the warm-up, between the phases, among the proxy's steps, and in the game."""
    forward, taken = Networks.forward, 0

    def stop(self: Networks, *arguments: object) -> object:
        nonlocal taken
        taken += 1
        if taken > steps:
            raise Stopped
        return forward(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(Networks, "forward", stop)
    with pytest.raises(Stopped):
        train(drawn(), fresh(), SETTINGS, 0, Checkpoints(tmp_path, seconds=0))
    monkeypatch.undo()
    assert (tmp_path / "checkpoint.safetensors").is_file()
    networks = fresh(seed=1)  # whose own initial weights must not matter
    proxy = train(drawn(), networks, SETTINGS, 0, Checkpoints(tmp_path, seconds=0))
    assert equal(weights(networks), undisturbed[0])
    assert proxy == undisturbed[1]


@pytest.mark.parametrize(
    ("frozen", "kept"), [("client", {"client"}), ("pair", {"client", "task_network"})]
)
def test_who_is_frozen_keeps_what_the_warm_up_gave(
    tmp_path: Path, frozen: str, kept: set[str]
) -> None:
    warm, networks = fresh(), fresh(frozen=frozen)
    train(drawn(), warm, SETTINGS.model_copy(update={"epochs": 0}), 0, never(tmp_path))
    train(drawn(), networks, SETTINGS, 0, never(tmp_path))
    before, after = weights(warm), weights(networks)
    same = {name for name in before if torch.equal(before[name], after[name])}
    for player in ("client", "task_network"):
        own = {name for name in before if name.startswith(player)}
        assert own <= same if player in kept else not own <= same
    assert "defense.filter_generator.0.weight" not in same


PAIR = ("client", "task_network")
ALL = (*PAIR, "defense", "adversary")


def test_defenses_of_one_seed_share_their_warm_up(
    undisturbed: tuple[dict[str, Tensor], float], tmp_path: Path
) -> None:
    def warm_up(networks: Networks) -> SharedWeights:
        return SharedWeights.of(tmp_path, networks, PAIR, drawn().images.numpy().data)

    other, mine = fresh("random_pruning"), fresh()
    assert warm_up(other).path == warm_up(mine).path
    assert warm_up(fresh(seed=1)).path != warm_up(mine).path
    train(drawn(), other, SETTINGS, 0, never(tmp_path), [warm_up(fresh("random_pruning"))])
    found = warm_up(mine)
    assert found.kept
    train(drawn(), mine, SETTINGS, 0, never(tmp_path), [found])
    assert equal(weights(mine), undisturbed[0])


def test_a_shared_training_is_taken_up_whole_with_its_tally(
    undisturbed: tuple[dict[str, Tensor], float],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = [SharedWeights.of(tmp_path, fresh(), players) for players in (PAIR, ALL)]
    train(drawn(), fresh(), SETTINGS, 0, never(tmp_path), shared)
    monkeypatch.setattr(Networks, "forward", None)  # nobody computes anything
    mine = fresh()
    assert train(drawn(), mine, SETTINGS, 0, never(tmp_path), shared) == undisturbed[1]
    assert equal(weights(mine), undisturbed[0])


def test_what_is_shared_goes_before_an_older_checkpoint(
    undisturbed: tuple[dict[str, Tensor], float], tmp_path: Path
) -> None:
    shared = [SharedWeights.of(tmp_path, fresh(), players) for players in (PAIR, ALL)]
    train(drawn(), fresh(), SETTINGS, 0, Checkpoints(tmp_path, seconds=0), shared)
    assert (tmp_path / "checkpoint.safetensors").is_file()  # as if killed before it was discarded
    mine = fresh(seed=1)
    assert train(drawn(), mine, SETTINGS, 0, Checkpoints(tmp_path, seconds=0), shared[:1])
    assert equal(weights(mine), undisturbed[0])
    assert train(drawn(), mine, SETTINGS, 0, Checkpoints(tmp_path, seconds=0), shared)
    assert equal(weights(mine), undisturbed[0])


def test_shared_weights_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    shared = SharedWeights.of(tmp_path, fresh(), PAIR)
    shared.path.write_bytes(b"half")
    with pytest.raises(CorruptData, match=f"{shared.path.name}.* remove them to train anew"):
        train(drawn(), fresh(), SETTINGS, 0, never(tmp_path), [shared])


AT_RELEASE = [("disco", {"train_ratios": [0.2, 0.8]}, {"ratio": 0.3})]


@pytest.mark.parametrize(("name", "options", "others"), AT_RELEASE)
def test_options_that_matter_at_release_alone_never_touch_the_training(
    tmp_path: Path, name: str, options: dict[str, Any], others: dict[str, Any]
) -> None:
    one, other = fresh(name, **options), fresh(name, **options | others)
    assert one.defense.release_options == set(others)
    assert equal(weights(one), weights(other))
    proxies = [train(drawn(), n, SETTINGS, 0, never(tmp_path)) for n in (one, other)]
    assert equal(weights(one), weights(other))
    assert proxies[0] == proxies[1]


def test_no_other_defense_has_options_that_matter_at_release_alone() -> None:
    named = [name for name in defenses.REGISTRY.names() if make(name).release_options]
    assert named == []  # disco has, where it is trained over random ratios: AT_RELEASE


def test_steps_of_the_proxy_move_the_proxy_alone() -> None:
    networks = fresh().train()
    before = weights(networks)
    player = training._Training(
        training._accelerator(), networks, networks, drawn(), SETTINGS, seed=0
    )
    phase = phases(SETTINGS)[1]
    assert phase.stage is Stage.DEFENSE
    player.teach_adversary(optimizers_of(networks, phase), Place(phase=1), steps=3)
    moved = {name for name, p in networks.named_parameters() if not torch.equal(p, before[name])}
    followed = {name for name, p in networks.named_parameters() if p.grad is not None}
    adversary = {f"adversary.{name}" for name, _ in networks.adversary.named_parameters()}
    assert moved == followed == adversary


def test_a_proxy_that_starts_afresh_changes_the_game(
    undisturbed: tuple[dict[str, Tensor], float], tmp_path: Path
) -> None:
    networks = fresh()
    settings = SETTINGS.model_copy(update={"adversary_restarts": 1})
    train(drawn(), networks, settings, 0, never(tmp_path))
    assert not equal(weights(networks), undisturbed[0])
    training_table = {"warmup_epochs": 1, "epochs": 1, "adversary_restarts": 1}
    table = tiny_config("disco").model_dump() | {"training": training_table}
    with pytest.raises(BadConfig, match="fewer than the 1 epochs"):
        Config.parse(table, "config", BadConfig)


def test_options_that_are_not_used_leave_a_recipe_as_it_was() -> None:
    assert "adversary_steps" not in tiny_config("disco").model_dump()["training"]


def test_progress_is_told_early_and_each_epoch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="leakboard.generate.training.training"):
        settings = SETTINGS.model_copy(update={"batch_size": 8})
        train(drawn(), fresh(), settings, 0, never(tmp_path))
    lines = [record.message for record in caplog.records]
    assert sum("warm-up 1/1" in line for line in lines) == 3
    early = [line for line in lines if line.startswith("defense 1/2, batch 3 of 12")]
    assert len(early) == 1
    assert "utility" in early[0]
    assert "proxy leakage" in early[0]
    assert lines[-1].startswith("defense 2/2: utility")


WORKER = """
import hashlib, sys
from pathlib import Path
import torch
from tests.generate.test_training import SETTINGS, drawn, fresh, never
from leakboard.generate.training.training import train, workers

networks = fresh()
proxy = train(drawn(), networks, SETTINGS, 0, never(Path(sys.argv[1])))
digest = hashlib.sha256()
for parameter in networks.parameters():
    digest.update(parameter.detach().contiguous().numpy().tobytes())
ended = Path(sys.argv[1]) / f"ended-{workers().process_index}"
ended.write_text(f"{digest.hexdigest()} {proxy}")
torch.distributed.barrier()
torch.distributed.destroy_process_group()
"""


@pytest.mark.slow
def test_two_processes_end_with_the_same_weights_and_tally(tmp_path: Path) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    # standalone: a free port, where the usual one may be taken
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    ran = subprocess.run(
        [*launch, str(script), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    one, other = (path.read_text() for path in sorted(tmp_path.glob("ended-*")))
    assert one == other
