"""Every defense from its recipe to a release that can be checked: trained, written, recomputed."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
from torch import Tensor

from leakboard.generate import defenses, generate, load_client, recompute, verify
from leakboard.generate.client import CLIENT_FILE, TASK_FILE
from leakboard.schemas import BadConfig, Config, Release
from leakboard.schemas.files import sha256_of

from ..tiny import RECIPE
from .defense_players import OPTIONS

Options = dict[str, Any]
WHOLE: list[tuple[str, Options]] = [
    *((name, {}) for name in defenses.REGISTRY.names() if name != "expert_filters"),
    ("disco", {"mode": "input"}),
    ("disco", {"filter": "resnet18", "decoupler": True, "frozen": "client"}),
    ("adversarial", {"mode": "input"}),
]
pytestmark = pytest.mark.slow


def recipe(name: str, epochs: int = 1, **options: Any) -> Config:
    """120 images, one epoch of either phase, a proxy that has steps of its own."""
    proxy = {"adversary_warmup_steps": 2, "adversary_steps": 1} if epochs else {}
    changes = {
        "dataset": {**RECIPE["dataset"], "images": 120},
        "defense": {"name": name, **OPTIONS.get(name, {}), **options},
        "training": {**RECIPE["training"], "epochs": epochs, "batch_size": 32, **proxy},
    }
    return Config.parse({**RECIPE, **changes}, "recipe")


def weights(folder: Path, file: str) -> dict[str, Tensor]:
    return safetensors.torch.load_file(folder / file)


@pytest.mark.parametrize(("name", "options"), WHOLE)
def test_a_trained_release_is_what_its_client_sends(
    name: str, options: Options, tmp_path: Path, secret_file: Path
) -> None:
    out = tmp_path / "release"
    generate(recipe(name, **options), out, secret=secret_file)
    assert verify(out) == []
    assert recompute(out, 20, secret=secret_file) == []
    guessed = load_client(out).defense.adversary in ("attribute", "both")
    assert (Release.open(out).measurements.proxy_leakage is not None) == guessed


def test_experts_plug_into_one_client_and_task_network(tmp_path: Path, secret_file: Path) -> None:
    experts = []
    for place, weight in enumerate((1.0, 0.0)):
        out = tmp_path / f"expert{place}"
        disco = recipe("disco", frozen="pair", utility_weight=weight)
        generate(disco, out, secret=secret_file)
        experts.append({"file": str(out / CLIENT_FILE), "sha256": sha256_of(out / CLIENT_FILE)})
    with pytest.raises(BadConfig, match="trains nothing"):
        generate(recipe("expert_filters", experts=experts), tmp_path / "bank", secret=secret_file)
    bank = tmp_path / "bank"
    generate(recipe("expert_filters", 0, experts=experts), bank, secret=secret_file)
    assert verify(bank) == []
    assert recompute(bank, 20) == []
    for file in (CLIENT_FILE, TASK_FILE):
        for name, value in weights(tmp_path / "expert0", file).items():
            if not name.startswith("defense."):
                assert value.equal(weights(bank, file)[name])
