"""Table 2 of the DISCO paper: how well the input itself is rebuilt, and the utility."""

from . import Report, Request
from ._methods import AGAINST_REBUILDING, DECOUPLED, FOR_INPUTS, NONE, rows
from ._rows import Block, Table
from ._tables import SYNTHETIC, fill

PRINTED = {
    NONE.method: {"ssim": 0.88, "psnr": 31.58, "utility": 0.9735},
    FOR_INPUTS[1].method: {"ssim": 0.68, "psnr": 20.49, "utility": 0.9715},
    DECOUPLED.method: {"ssim": 0.38, "psnr": 11.61, "utility": 0.9566},
}
TABLE = Table(
    name="table2",
    measures=("ssim", "psnr", "l1"),
    blocks=(
        Block("celeba", "CelebA: task smiling", rows("celeba", AGAINST_REBUILDING, PRINTED)),
        Block("cifar10", "CIFAR-10: task living or not", rows("cifar10", AGAINST_REBUILDING)),
        Block("fairface", "FairFace: task gender", rows("fairface", AGAINST_REBUILDING)),
        Block(SYNTHETIC, "Synthetic faces: task gender", rows("synthetic", AGAINST_REBUILDING)),
    ),
    notes=(
        "The paper says neither which dataset, pruning ratio nor how many images its table is "
        "about; its utilities (97.35 %) are not those of smiling (91.6 %). Its numbers are put "
        "beside CelebA.",
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
