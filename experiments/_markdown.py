"""What all pages of results write alike: tables, numbers with their intervals, chances."""

from collections.abc import Iterable, Sequence
from typing import Protocol


class Spread(Protocol):
    """A number with the ends of its interval."""

    @property
    def value(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that hold no bars.

    >>> print(table(["layer", "rank"], [["relu", "542"]]), end="")
    | layer | rank |
    | --- | --- |
    | relu | 542 |
    """
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def spread(number: Spread, form: str = ".3g") -> str:
    """A number with its interval, each in a format of `format`."""
    value, low, high = (format(one, form) for one in (number.value, number.low, number.high))
    return f"{value} ({low} to {high})"


def chance(p: float) -> str:
    """A p-value of three decimals, which is never said to be zero.

    >>> chance(0.25), chance(1e-9)
    ('p = 0.250', 'p < 0.001')
    """
    return f"p = {p:.3f}" if p >= 0.001 else "p < 0.001"
