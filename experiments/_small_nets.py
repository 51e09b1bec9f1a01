"""The small networks of the HCR experiments, and the loop that trains them and their attackers.

Legend: N images of C channels, side S; d features; K classes.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

BATCH = 64
PEAK = 2e-3  # learning rate


class SmallClient(nn.Module):
    """A client that sends the features after its last rectifier, with no noise of its own."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def mean(self, images: Tensor) -> Tensor:
        """Map images (N, C, S, S) in [0, 1] to features (N, d)."""
        features: Tensor = self.network((images - 0.5) / 0.5)
        return features


def perceptron(pixels: int) -> nn.Sequential:
    """The published network for digits: two layers as wide as the image, with rectifiers."""
    layers = (nn.Linear(pixels, pixels), nn.ReLU(), nn.Linear(pixels, pixels), nn.ReLU())
    return nn.Sequential(nn.Flatten(), *layers)


def convolutional(widths: Sequence[int], features: int = 3072) -> nn.Sequential:
    """The published network for CIFAR-10, whose widths are (32, 1024, 3072), as we read it.

    Convolutions of 3 x 3, 5 x 5 and 3 x 3, each with a rectifier and max-pooling, and a layer of
    `features` units with a rectifier.
    """
    layers: list[nn.Module] = []
    for before, width, kernel in zip((3, *widths), widths, (3, 5, 3), strict=False):
        layers += [nn.Conv2d(before, width, kernel), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(widths[-1], features), nn.ReLU())


def descend(
    network: nn.Module,
    loss: Callable[[Tensor], Tensor],
    rows: int,
    epochs: int,
    generator: torch.Generator,
) -> None:
    """Minimise `loss`, of the rows of a batch, with AdamW and a one-cycle schedule."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK)
    steps = epochs * -(-rows // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK, total_steps=steps)
    network.train()
    for _ in range(epochs):
        for batch in torch.randperm(rows, generator=generator).split(BATCH):
            optimizer.zero_grad(set_to_none=True)
            loss(batch).backward()
            optimizer.step()
            schedule.step()
    network.eval().requires_grad_(False)
