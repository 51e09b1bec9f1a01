"""Figure 6 of the DISCO paper: what a supervised decoder rebuilds behind every defense."""

from ..evaluate.gallery import write_png
from . import Report, Request
from ._methods import AGAINST_REBUILDING, rows
from ._rows import Block, Table
from ._sheet import sheet
from ._tables import SYNTHETIC, fill, pictures

TABLE = Table(
    name="figure6",
    measures=("ssim", "psnr", "l1"),
    blocks=(
        Block("cifar10", "CIFAR-10: task living or not", rows("cifar10", AGAINST_REBUILDING)),
        Block("celeba", "CelebA: task smiling", rows("celeba", AGAINST_REBUILDING)),
        Block(SYNTHETIC, "Synthetic faces: task gender", rows("synthetic", AGAINST_REBUILDING)),
    ),
    notes=(
        "Pictures, where the licence of the images lets them be shown: of the first training seed "
        "that has them, and of the rows that were run here.",
    ),
)


def run(request: Request) -> Report:
    """Write figure6.json, figure6.md, figure6.svg and a sheet of pictures for each dataset."""
    report = fill(TABLE, request)
    for dataset, columns in pictures(TABLE, request).items():
        inputs, _ = next(iter(columns.values()))
        rebuilt = {method: images for method, (_, images) in columns.items()}
        write_png(request.out / f"figure6-{dataset}.png", sheet({"input": inputs} | rebuilt))
    return report
