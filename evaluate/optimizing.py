"""Search for images by gradient descent: one loop for all attacks that optimise, in batches.

Every image of a batch has its own parameters, its own loss and its own steps, so that a result
does not depend on its batch mates beyond rounding.

Legend: N images, S image side in pixels.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ..schemas import UsageError

Iterate = Literal["last", "lowest_loss"]
Distance = Callable[[Tensor], Tensor]  # of images (N, 3, S, S) from the evidence: (N,)


@dataclass(frozen=True)
class Schedule:
    """How the search goes: steps of Adam, their peak size, and which iterate is the answer.

    `lowest_loss` is the iterate of the lowest loss that the attacker computes itself; choosing by
    a look at the private image, as published code did, is no attack.
    """

    steps: int
    learning_rate: float
    iterate: Iterate = "last"


class Candidates(nn.Module, ABC):
    """Images that are searched for, and what the attacker believes of them beforehand."""

    @abstractmethod
    def forward(self) -> Tensor:
        """Make the images, (N, 3, S, S) in [0, 1]."""

    def penalty(self, images: Tensor) -> Tensor:
        """How implausible each image is before any evidence, (N,): by default, not at all."""
        return images.new_zeros(len(images))


class Pixels(Candidates):
    """The pixels themselves, kept in (0, 1) by a sigmoid, from `start` (N, 3, S, S) in [0, 1].

    Implausible are rough images (weight `roughness`) and those far from `start` (weight `l2`).
    """

    def __init__(self, start: Tensor, roughness: float, l2: float) -> None:
        super().__init__()
        self.free = nn.Parameter(torch.logit(start, eps=0.01))
        self.start = start
        self.roughness = roughness
        self.l2 = l2

    def forward(self) -> Tensor:
        """Return the images."""
        return torch.sigmoid(self.free)

    def penalty(self, images: Tensor) -> Tensor:
        """Weigh the total variation and the mean squared distance from the start."""
        moved = (images - self.start).square().mean(dim=(1, 2, 3))
        return self.roughness * total_variation(images) + self.l2 * moved


@torch.enable_grad()
def optimize(candidates: Candidates, distance: Distance, schedule: Schedule) -> Tensor:
    """Minimise the distance (N,) plus penalty of each image; returns images (N, 3, S, S).

    `UsageError` where a loss is not finite at the end.
    """
    adam = torch.optim.Adam(candidates.parameters(), lr=schedule.learning_rate, fused=True)
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        adam, schedule.learning_rate, total_steps=schedule.steps, pct_start=0.1
    )
    images, losses = _made(candidates, distance)
    answer, least = images.detach(), losses.detach()
    for _ in tqdm(range(schedule.steps), unit="steps", disable=None, leave=False):
        adam.zero_grad(set_to_none=True)
        losses.sum().backward()  # a sum: no image's steps depend on how many there are
        adam.step()
        cycle.step()
        images, losses = _made(candidates, distance)
        taken = (losses.detach() < least) | (schedule.iterate == "last")
        answer = torch.where(taken[:, None, None, None], images.detach(), answer)
        least = torch.where(taken, losses.detach(), least)
    if not least.isfinite().all():
        raise UsageError(
            f"the search diverged with learning_rate={schedule.learning_rate}; use a lower one"
        )
    return answer


def _made(candidates: Candidates, distance: Distance) -> tuple[Tensor, Tensor]:
    """The images as they are now and the loss of each."""
    images: Tensor = candidates()
    return images, distance(images) + candidates.penalty(images)


def total_variation(images: Tensor) -> Tensor:
    """Mean absolute difference of vertical plus that of horizontal neighbours: (N,).

    >>> total_variation(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]))
    tensor([1.])
    """
    down = (images[:, :, 1:] - images[:, :, :-1]).abs().mean(dim=(1, 2, 3))
    across = (images[:, :, :, 1:] - images[:, :, :, :-1]).abs().mean(dim=(1, 2, 3))
    return down + across
