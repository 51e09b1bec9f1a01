"""Shredder: a learned noise distribution (Mireshghallah et al., ASPLOS 2020).

What published code got wrong: its noise is in no optimiser, never changes and is never saved.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ..noise import Noise
from . import Batch, Defense, Network, Objective

MOMENTUM = 0.1
GAIN = 10.0  # Adam's steps are 1e-3, in units of the activation's size too short to get anywhere
SMALLEST = 1e-7


class Shredder(Defense):
    """Send z + n, with n fresh for every query from distributions that were learnt.

    Client and task network stay as they are. Noise tensors start as Laplace(0, `scale`) and
    minimise L_util - `weight` · mean|n| until their power reaches `noise_to_signal` times the
    activation's (the ratio is the paper's in-vivo privacy). A release draws one of them, then
    Laplace numbers with its median and mean deviation, which take the places that the tensor's own
    numbers have in order of size. Noise is in units of the activation's root mean square.
    """

    randomized = True
    frozen = "pair"

    def __init__(
        self,
        *,
        tensors: Annotated[int, Field(ge=1)] = 8,
        scale: Annotated[float, Field(gt=0)] = 0.5,
        weight: Annotated[float, Field(ge=0)] = 1.0,
        noise_to_signal: Annotated[float, Field(gt=0)] = 1.0,
    ) -> None:
        super().__init__()
        self.count = tensors
        self.scale = scale
        self.weight = weight
        self.noise_to_signal = noise_to_signal
        self.rms: Tensor
        self.register_buffer("rms", torch.ones(()))

    def build(self, shape: tuple[int, int, int]) -> None:
        """Draw the noise tensors."""
        super().build(shape)
        initial = laplace(torch.rand(self.count, *shape), torch.zeros(()), torch.tensor(self.scale))
        self.reduced = nn.Parameter(initial / GAIN)

    @property
    def tensors(self) -> Tensor:
        """The noise tensors (M, C, H, W), in units of the activation's root mean square."""
        return GAIN * self.reduced

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Add noise to (N, C, H, W): a tensor itself in training, else a draw in its likeness."""
        draws = noise.uniform(1 + self.reduced[0].numel())
        chosen = (draws[:, 0] * self.count).long()
        if self.training:
            now = activation.detach().float().square().mean().sqrt()
            self.rms.lerp_(now, MOMENTUM)
            return activation + self.rms * self.tensors[chosen]
        drawn = self._likeness(chosen, draws[:, 1:]).reshape(activation.shape)
        return activation + self.rms * drawn

    def _likeness(self, chosen: Tensor, draws: Tensor) -> Tensor:
        """Laplace numbers (N, C·H·W) in the order of the numbers of the tensors chosen."""
        flat = self.tensors.flatten(1)
        centre = flat.median(dim=1, keepdim=True).values
        deviation = (flat - centre).abs().mean(dim=1, keepdim=True)
        ranks = flat.argsort(dim=1, stable=True).argsort(dim=1)
        numbers = laplace(draws, centre[chosen], deviation[chosen]).sort(dim=1).values
        return numbers.gather(1, ranks[chosen])

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """The task's cross-entropy, less the size of the noise that is not yet large enough."""
        logits = task_network(self.release(batch.activation, batch.noise))
        utility = functional.cross_entropy(logits, batch.task)
        tensors = self.tensors.flatten(1)
        small = tensors.detach().square().mean(dim=1) < self.noise_to_signal
        size = (tensors.abs().mean(dim=1) * small).mean()
        return Objective(utility - self.weight * size, logits)


def laplace(draws: Tensor, centre: Tensor, deviation: Tensor) -> Tensor:
    """Turn numbers that are uniform in [0, 1) into Laplace numbers, by its quantile function.

    >>> laplace(torch.tensor([0.25, 0.5]), torch.tensor(1.0), torch.tensor(2.0))
    tensor([-0.3863,  1.0000])
    """
    offset = draws - 0.5
    tail = (1 - 2 * offset.abs()).clamp(min=SMALLEST)
    return centre - deviation * offset.sign() * tail.log()
