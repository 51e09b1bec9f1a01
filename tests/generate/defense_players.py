"""Small players for the tests of defenses: activations, batches, networks of each kind."""

from typing import Any

import torch
from torch import Tensor, nn

from leakboard.generate import defenses
from leakboard.generate.defenses import Batch, Defense
from leakboard.generate.noise import BatchNoise

SHAPE = (10, 8, 8)
OPTIONS: dict[str, dict[str, Any]] = {
    "disco": {"ratio": 0.6},
    "expert_filters": {"ratio": 0.3, "experts": [{"file": "absent", "sha256": 64 * "0"}] * 2},
    "gaussian_blur": {"sigma": 1.0},
    "gaussian_noise": {"sigma": 0.5},
    "random_pruning": {"ratio": 0.6},
    "uniform_noise": {"sigma": 0.5},
}


def make(name: str, seed: int = 0, **options: Any) -> Defense:
    torch.manual_seed(seed)
    return defenses.create(name, OPTIONS.get(name, {}) | options, SHAPE)


def activations(count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed)).relu() + 0.01


def batch_of(activation: Tensor, progress: float = 1.0) -> Batch:
    generator = torch.Generator().manual_seed(2)
    count = len(activation)
    return Batch(
        images=torch.rand(count, 3, 32, 32, generator=generator),
        task=torch.randint(2, (count,), generator=generator),
        sensitive=torch.randint(3, (count,), generator=generator),
        activation=activation,
        noise=BatchNoise(count, generator),
        progress=progress,
    )


def linear(classes: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(10 * 8 * 8, classes))


def decoder() -> nn.Module:
    return nn.Sequential(nn.Conv2d(10, 3, 1), nn.Upsample(32), nn.Sigmoid())


class Both(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.attribute = linear(3)
        self.input = decoder()

    def forward(self, activation: Tensor) -> tuple[Tensor, Tensor]:
        return self.attribute(activation), self.input(activation)


def adversary_of(defense: Defense) -> nn.Module:
    if defense.adversary == "both":
        return Both()
    return decoder() if defense.adversary == "input" else linear(3)


def gradients(network: nn.Module) -> list[Tensor]:
    return [p.grad for p in network.parameters() if p.grad is not None]
