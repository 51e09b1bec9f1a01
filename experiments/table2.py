"""Table 2 of the DISCO paper: how well the input itself is rebuilt, and the utility."""

from . import Report, Request
from ._methods import AGAINST_REBUILDING, rows
from ._rows import Block, Table
from ._tables import SYNTHETIC, fill

TABLE = Table(
    name="table2",
    measures=("ssim", "psnr", "l1"),
    blocks=(
        Block("celeba", "CelebA: task smiling", rows("celeba", AGAINST_REBUILDING)),
        Block("cifar10", "CIFAR-10: task living or not", rows("cifar10", AGAINST_REBUILDING)),
        Block("fairface", "FairFace: task gender", rows("fairface", AGAINST_REBUILDING)),
        Block(SYNTHETIC, "Synthetic faces: task gender", rows("synthetic", AGAINST_REBUILDING)),
    ),
    notes=(
        "The paper prints SSIM 0.88 ± 0.03, PSNR 31.58 ± 2.44 dB, utility 97.35 % without a "
        "defense; 0.68 ± 0.12, 20.49 ± 5.94 dB, 97.15 % for adversarial training; 0.38 ± 0.09, "
        "11.61 ± 1.91 dB, 95.66 % for DISCO. It says neither of which dataset, pruning ratio and "
        "number of images, nor what ± is; the utilities are not those of smiling (91.6 %), so the "
        "numbers stand in no row here.",
        "The paper's l1 column (108.82, 123.33, 125.34 grey levels) is impossible: l1 cannot "
        "exceed the root mean square error, which its own PSNR puts at 6.7, 24.1 and 67.0. It "
        "looks like differences of unsigned bytes that wrapped around, and is left out here.",
        "The paper attacks by likelihood maximisation at 112 pixels and says itself that a decoder "
        "is stronger against DISCO; here a decoder attacks every defense.",
    ),
)


def run(request: Request) -> Report:
    """Write table2.json, table2.md and table2.svg."""
    return fill(TABLE, request)
