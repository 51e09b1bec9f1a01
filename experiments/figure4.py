"""Figure 4 of the DISCO paper: utility against what attackers find, over the trade-off."""

from . import Report, Request
from ._methods import NONE, adversarial, disco, gaussian_noise, max_entropy, random_pruning, rows
from ._rows import Block, Table
from ._tables import SYNTHETIC, fill

RATIOS = (0.2, 0.4, 0.6, 0.8, 0.9)
SETTINGS = (
    NONE,
    *adversarial(0.5, 1.0, 3.0, 4.0),
    *max_entropy(1.0, 2.0, 2.5, 3.0),
    *disco(*RATIOS),
    *random_pruning(*RATIOS),
    *gaussian_noise(0.25, 0.5, 1.0, 2.0),
)
TABLE = Table(
    name="figure4",
    measures=("ssim", "top1"),
    blocks=(
        Block("cifar10", "CIFAR-10: task living or not", rows("cifar10", SETTINGS)),
        Block("celeba", "CelebA: task smiling", rows("celeba", SETTINGS)),
        Block(SYNTHETIC, "Synthetic faces: task gender", rows("synthetic", SETTINGS)),
    ),
    notes=(
        "The paper draws curves and prints no numbers, nor which dataset they are of.",
        "The trade-off weight of its published code scales no gradient, so its curve for "
        "adversarial training cannot come from that code.",
    ),
)


def run(request: Request) -> Report:
    """Write figure4.json, figure4.md and figure4.svg."""
    return fill(TABLE, request)
