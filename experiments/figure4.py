"""Figure 4 of the DISCO paper: utility against how well inputs are rebuilt, over the trade-off."""

from . import Report, Request
from ._methods import NONE, Setting, rows
from ._rows import Block, Table
from ._tables import SYNTHETIC, fill

RATIOS = (0.2, 0.4, 0.6, 0.8, 0.9)
SIGMAS = (0.25, 0.5, 1.0, 2.0)
WEIGHTS = (0.3, 0.5, 1.0, 2.0)
SETTINGS = (
    NONE,
    *(
        Setting(f"adversarial, weight {w}", "adversarial", (f"defense.weight={w}",))
        for w in WEIGHTS
    ),
    *(Setting(f"DISCO, R = {r}", "disco", (f"defense.ratio={r}",)) for r in RATIOS),
    *(
        Setting(f"random pruning, R = {r}", "random-pruning", (f"defense.ratio={r}",))
        for r in RATIOS
    ),
    *(
        Setting(f"Gaussian noise, {s} rms", "gaussian-noise", (f"defense.sigma={s}",))
        for s in SIGMAS
    ),
)
TABLE = Table(
    name="figure4",
    measures=("ssim",),
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
