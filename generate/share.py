"""Which part of the work one of several processes takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..schemas import UsageError

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Share:
    """The part of one of `world` processes that work side by side, as in a Slurm array."""

    rank: int
    world: int

    def __post_init__(self) -> None:
        """Refuse a rank outside the world: `UsageError`."""
        if not 0 <= self.rank < self.world:
            raise UsageError(
                f"expected a rank in 0 .. {self.world - 1} of a world of {self.world}, but got "
                f"{self.rank}; give each process --rank I and all of them the same --world N"
            )

    def of(self, things: Sequence[Thing]) -> Sequence[Thing]:
        """Take every `world`-th thing.

        >>> Share(1, 3).of("abcdefg")
        'be'
        """
        return things[self.rank :: self.world]
