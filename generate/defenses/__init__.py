"""Defenses: what is released of an activation, and what training minimises.

A new defense is one new file in this folder: `gaussian_noise.py` defines the class
`GaussianNoise(Defense)`. Its options are the constructor's keyword-only arguments. A defense owns
neither optimisers nor devices, logging or checkpoints: those belong to the one training loop.

Legend: N batch, C H W activation channels, height, width; S image side; K classes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from ...schemas import Registry
from ..noise import Noise

REGISTRY = Registry("defense", __name__, "Defense")
Network = Callable[[Tensor], Any]
Adversary = Literal["attribute", "input", "both"]
Frozen = Literal["nothing", "client", "pair"]


@dataclass(frozen=True)
class Batch:
    """One training batch, with the client's activation already computed.

    images      N 3 S S in [0, 1]      activation  N C H W, carries the client's gradient
    task, sensitive  N int64 labels    noise       this batch's random numbers
    progress    how much of the defended phase is over, in [0, 1]
    """

    images: Tensor
    task: Tensor
    sensitive: Tensor
    activation: Tensor
    noise: Noise
    progress: float = 1.0


@dataclass(frozen=True)
class Objective:
    """What a batch costs: `loss` is backpropagated once; the rest is for the progress line.

    The gradient of `loss` with respect to each network is that network's own update, so a defense
    that pits two networks against each other routes the signs itself (see `scale_gradient`).
    """

    loss: Tensor
    task_logits: Tensor
    adversary_logits: Tensor | None = None


class Defense(nn.Module, ABC):
    """Decides what leaves the device.

    randomized  True where two queries of one image differ
    adversary   which proxy adversary training needs; proxies are never scored. The one for an
                attribute answers with logits (N, K), the one for the input with images in [0, 1],
                "both" with the two
    frozen      who keeps the weights of the warm-up while the defense is trained: nobody, the
                client, or client and task network
    """

    randomized: bool = False
    adversary: Adversary | None = None
    frozen: Frozen = "nothing"

    @property
    def learns(self) -> bool:
        """Whether training gives it, or the client for it, something: it cannot go untrained."""
        return bool(self.state_dict()) or type(self).objective is not Defense.objective

    @property
    def release_options(self) -> frozenset[str]:
        """Options that nothing but `release` reads once the training is over; by default none.

        Releases that differ in these alone share one training: neither what `build` makes nor what
        `objective` costs may depend on them.
        """
        return frozenset()

    def build(self, shape: tuple[int, int, int]) -> None:
        """Make the defense's own networks for activations (C, H, W); by default there are none."""
        self.shape = shape

    def prepare(self, layers: nn.Module) -> nn.Module:
        """Change what the device runs before `release`, keeping the shapes; by default nothing."""
        return layers

    def finish(self, layers: nn.Module) -> None:
        """Settle what is released, once the training is over; `layers` are the client's."""

    @abstractmethod
    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Map the client's activation (N, C, H, W) to what is sent, of the same shape."""

    def mean(self, activation: Tensor) -> Tensor:
        """What is sent before any Gaussian noise; bounds differentiate it.

        Its derivative must be the true one almost everywhere, with no straight-through surrogate.
        """
        return self.release(activation, None)  # type: ignore[arg-type]

    @property
    def noise_std(self) -> float | None:
        """Standard deviation of the Gaussian noise that `release` adds to `mean`.

        Zero where the release is deterministic, None where it is random in any other way.
        """
        return None if self.randomized else 0.0

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Minimise the task's cross-entropy on what is released; some defenses add to it."""
        logits = task_network(self.release(batch.activation, batch.noise))
        return Objective(functional.cross_entropy(logits, batch.task), logits)


def scale_gradient(values: Tensor, factor: float) -> Tensor:
    """Pass values on unchanged and multiply their gradient; a factor of -1 reverses it.

    >>> x = torch.ones(2, requires_grad=True)
    >>> scale_gradient(x, -3.0).sum().backward()
    >>> x.grad
    tensor([-3., -3.])
    """
    constant = values.detach()
    return constant + factor * (values - constant)  # the bracket is exactly zero


def create(name: str, options: Mapping[str, Any], shape: tuple[int, int, int]) -> Defense:
    """Make the defense `name` for activations of shape (C, H, W)."""
    defense: Defense = REGISTRY.create(name, options)
    defense.build(shape)
    return defense.to(memory_format=torch.channels_last)
