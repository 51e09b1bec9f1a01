"""Whether longer training of the fixed attacker would order the defenses otherwise."""

from collections.abc import Iterator
from dataclasses import replace

from . import Report, Request
from ._methods import DISCO, NONE, RANDOM, rows
from ._rows import Block, Row, Table
from ._tables import SYNTHETIC, fill

SETTINGS = (NONE, DISCO[0], RANDOM[0])
TIMES = 2


def _longer(method: str) -> str:
    return f"{method}, {TIMES} times the epochs"


def _both(prefix: str) -> Iterator[Row]:
    """Each defense facing the protocol's attacks, then the longer ones."""
    known = rows(prefix, SETTINGS)
    yield from known
    for row in known:
        yield replace(row, method=_longer(row.method), beside=_longer(NONE.method), times=TIMES)


TABLE = Table(
    name="convergence",
    measures=("top1", "ssim"),
    blocks=(
        Block("cifar10", "CIFAR-10: task living or not, sensitive class", tuple(_both("cifar10"))),
        Block(SYNTHETIC, "Synthetic faces: task gender, sensitive race", tuple(_both(SYNTHETIC))),
    ),
    notes=(
        "An attack that has not converged says less than an attacker could know. What it misses "
        "has to be much the same for all defenses, or their order would be that of the budgets: "
        "each ratio should be the same with either number of epochs.",
    ),
    beside="undefended, as many epochs",
)


def run(request: Request) -> Report:
    """Write convergence.json, convergence.md and convergence.svg."""
    return fill(TABLE, request)
