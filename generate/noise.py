"""Random numbers for randomised defenses, with an owner: a batch's generator, or one per record.

At release each record has its own seed (an HMAC of the organiser's secret), so that what a record
contains does not depend on its batch mates or on the batch size.
"""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor


class Noise(Protocol):
    """Draws for N records at once."""

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers `(N, *shape)`, float32."""
        ...

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), `(N, *shape)`, float32."""
        ...


class BatchNoise:
    """Noise from one generator for a whole batch of n records (training, attacks).

    It is drawn where the generator is and then moved to `device`, so that a generator of the
    processor gives the same numbers whatever computes with them.
    """

    def __init__(
        self, n: int, generator: torch.Generator, device: torch.device | None = None
    ) -> None:
        self.n = n
        self.generator = generator
        self.device = device or generator.device

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers `(N, *shape)`."""
        source = self.generator.device
        drawn = torch.randn(self.n, *shape, generator=self.generator, device=source)
        return drawn.to(self.device)

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), `(N, *shape)`."""
        source = self.generator.device
        return torch.rand(self.n, *shape, generator=self.generator, device=source).to(self.device)


class RecordNoise:
    """Noise from one seed per record (release): the same for a record in any batch."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal(self, *shape: int) -> Tensor:
        """Standard normal numbers `(N, *shape)`."""
        return torch.stack([torch.randn(shape, generator=g) for g in self.generators])

    def uniform(self, *shape: int) -> Tensor:
        """Uniform numbers in [0, 1), `(N, *shape)`."""
        return torch.stack([torch.rand(shape, generator=g) for g in self.generators])
