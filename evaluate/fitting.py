"""Train an attack's network: one loop for all of them.

Legend: B batch, C H W activation channels, height, width; S image side; K classes.
"""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..schemas.config import Precision
from .reading.records import Records

log = logging.getLogger(__name__)
BATCH = 128
PREDICT_BATCH = 256
RISE = 0.2  # of the steps, in which the learning rate grows to its peak


@dataclass(frozen=True)
class Budget:
    """How an attack trains: epochs over the auxiliary records, peak step size, decay, precision.

    With `bfloat16` the network computes in that format and keeps its weights in float32: up to
    twice as fast on processors that have it, much slower on others.
    """

    epochs: int
    learning_rate: float = 2e-3
    weight_decay: float = 0.0
    precision: Precision = "float32"


@dataclass(frozen=True)
class Example:
    """Pairs: activations (B, C, H, W) float32 and their images (B, 3, S, S) in [0, 1]."""

    activation: Tensor
    images: Tensor
    sensitive: Tensor


@dataclass(frozen=True)
class Unencoded:
    """Stands where the client stands, and lets the network see the images themselves."""

    augment: Callable[[Tensor, torch.Generator], Tensor]

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return images (B, 3, S, S) as they are."""
        return images


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw initial weights from `seed` and leave the caller's random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def fit(
    network: nn.Module,
    loss: Callable[[Example], Tensor],
    auxiliary: Records,
    client: Any,
    budget: Budget,
    seed: int,
    name: str,
) -> None:
    """Minimise `loss` over the auxiliary pairs with AdamW and a one-cycle schedule.

    `name` says in the log what is trained.
    With a `client`, every batch is augmented and encoded afresh through it (new noise included);
    without, the stored activations are used as they are.
    """
    generator = torch.Generator().manual_seed(seed)
    batches = math.ceil(len(auxiliary) / BATCH)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=budget.learning_rate, weight_decay=budget.weight_decay
    )
    steps = budget.epochs * batches
    rise = RISE if RISE * steps != 1 else 2 * RISE  # torch divides by the steps of the rise, less 1
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, budget.learning_rate, total_steps=steps, pct_start=rise
    )
    network.to(memory_format=torch.channels_last).train()
    halved = budget.precision == "bfloat16"
    with tqdm(total=budget.epochs * len(auxiliary), unit="rows", disable=None, leave=False) as bar:
        for epoch in range(budget.epochs):
            total = 0.0
            for rows in torch.randperm(len(auxiliary), generator=generator).tensor_split(batches):
                batch = example(auxiliary, rows, client, generator)
                with torch.autocast("cpu", torch.bfloat16, enabled=halved):
                    step = loss(batch)
                optimizer.zero_grad(set_to_none=True)
                step.backward()
                optimizer.step()
                schedule.step()
                total += step.item() * len(rows)
                bar.update(len(rows))
            log.info("%s %d/%d: loss %.4f", name, epoch + 1, budget.epochs, total / len(auxiliary))
    network.eval()


def example(auxiliary: Records, rows: Tensor, client: Any, generator: torch.Generator) -> Example:
    """Gather the pairs at `rows`, through the client where there is one."""
    inputs = auxiliary.known("inputs")[rows]
    sensitive = auxiliary.known("sensitive")[rows]
    if client is None:
        return Example(auxiliary.activation[rows].float(), inputs.float() / 255, sensitive)
    images = client.augment(inputs, generator)
    with torch.no_grad():
        return Example(client(images, generator), images, sensitive)


@torch.no_grad()
def apply(network: Callable[[Tensor], Tensor], values: Tensor) -> Tensor:
    """Run a network over many rows in batches, converting each to float32."""
    return torch.cat([network(part.float()) for part in values.split(PREDICT_BATCH)])
