"""Figure 3 of the DISCO paper: how well inputs are rebuilt from ever deeper blocks."""

from collections.abc import Iterator
from dataclasses import replace

from ..schemas.config import BLOCKS
from . import Report, Request
from ._methods import ADVERSARIAL, DISCO, NOISE, NONE, RANDOM, rows
from ._rows import Block, Row, Table
from ._tables import SYNTHETIC, fill

SETTINGS = (NONE, DISCO[0], ADVERSARIAL[0], RANDOM[0], NOISE[0])
FIRST, LAST = 1, 7  # the paper's blocks are numbered as torchvision's children, from 0


def _series(prefix: str) -> Iterator[Row]:
    for number in range(FIRST, LAST + 1):
        suffix = f", block {number} ({BLOCKS[number]})"
        for row in rows(prefix, SETTINGS):
            yield replace(
                row,
                method=row.method + suffix,
                beside=NONE.method + suffix,
                changes=(*row.changes, f"client.split_layer={BLOCKS[number]}"),
                x=number,
            )


TABLE = Table(
    name="figure3",
    measures=("ssim",),
    blocks=(
        Block("cifar10", "CIFAR-10: task living or not", tuple(_series("cifar10"))),
        Block("celeba", "CelebA: task smiling", tuple(_series("celeba"))),
        Block(SYNTHETIC, "Synthetic faces: task gender", tuple(_series("synthetic"))),
    ),
    notes=(
        "The paper shows pictures rebuilt by likelihood maximisation and no numbers.",
        "Its noise (mean -1, standard deviation 400) was raised until nothing is rebuilt, and the "
        "utility is that of a guess; ours is in units of the activation's own size.",
        "Each row is compared with the undefended network that is split at the same block.",
    ),
)


def run(request: Request) -> Report:
    """Write figure3.json, figure3.md and figure3.svg."""
    return fill(TABLE, request)
