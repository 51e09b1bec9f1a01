"""Whether the fixed attacker had learned what it could: the same attacks with twice the epochs."""

from collections.abc import Iterator
from dataclasses import replace

from . import Report, Request
from ._methods import DISCO, NONE, RANDOM, rows
from ._rows import Block, Row, Table
from ._tables import SYNTHETIC, fill

SETTINGS = (NONE, DISCO[0], RANDOM[0])
TIMES = 2


def _twice(prefix: str) -> Iterator[Row]:
    for row in rows(prefix, SETTINGS):
        yield replace(row, beside=row.method)
        method = f"{row.method}, {TIMES} times the epochs"
        yield replace(row, method=method, beside=row.method, times=TIMES)


TABLE = Table(
    name="convergence",
    measures=("top1", "ssim"),
    blocks=(
        Block("cifar10", "CIFAR-10: task living or not, sensitive class", tuple(_twice("cifar10"))),
        Block(SYNTHETIC, "Synthetic faces: task gender, sensitive race", tuple(_twice(SYNTHETIC))),
    ),
    notes=(
        "An attack that has not converged says less than an attacker could know. What it misses "
        "has to be much the same for all defenses, or their order would be that of the budgets.",
    ),
    beside="the protocol's epochs",
)


def run(request: Request) -> Report:
    """Write convergence.json, convergence.md and convergence.svg."""
    return fill(TABLE, request)
