"""Table 1 of the DISCO paper: what an attacker reads of a sensitive attribute, and the utility."""

from . import Report, Request
from ._methods import ADVERSARIAL, DISCO, MAX_ENTROPY, NONE, rows
from ._rows import Block, Table
from ._tables import SYNTHETIC, fill


def _printed(*pairs: tuple[float, float]) -> dict[str, dict[str, float]]:
    """The paper's privacy and utility of a dataset, as it prints them, in the order of its rows."""
    methods = (NONE, DISCO[0], MAX_ENTROPY[0], ADVERSARIAL[0])
    return {
        one.method: {"top1": top1, "utility": utility}
        for one, (top1, utility) in zip(methods, pairs, strict=True)
    }


TABLE = Table(
    name="table1",
    measures=("top1",),
    blocks=(
        Block(
            "cifar10",
            "CIFAR-10: task living or not, sensitive class",
            rows(
                "cifar10",
                paper=_printed((0.912, 0.498), (0.223, 0.9198), (0.358, 0.915), (0.526, 0.924)),
            ),
            (
                "The paper's undefended row is almost certainly transposed: read it as leakage "
                "0.498 at utility 0.912.",
                "The paper's text has task and sensitive attribute the other way round (task: "
                "class). A leakage of 0.223 would then be far below the 0.6 of a constant guess; "
                "its code has living or not as the task, as here.",
                "Who knows the task's answer alone names the class for 0.20 of the images, so the "
                "paper's 0.223 would be almost nothing beyond it.",
                "The paper's text says 0.2282 and 0.3573 where its table says .223 and .358.",
            ),
        ),
        Block(
            "celeba",
            "CelebA: task smiling, sensitive male or not",
            rows(
                "celeba",
                paper=_printed((0.729, 0.916), (0.612, 0.910), (0.780, 0.880), (0.675, 0.905)),
            ),
            (
                "The paper's undefended 0.729 is a weak attack: DeepObfuscator's abstract "
                "reads gender from raw features for 97 % of the images, and a constant guess is "
                "right for more than half. No low number of this column shows protection.",
                "The paper's MaxEnt (0.780) leaks more than no defense (0.729).",
            ),
        ),
        Block(
            "fairface",
            "FairFace: task gender, sensitive race",
            rows(
                "fairface",
                paper=_printed((0.319, 0.824), (0.190, 0.815), (0.236, 0.802), (0.193, 0.815)),
            ),
            ("The paper's 0.190 and 0.193 are what a constant guess has here (majority).",),
        ),
        Block(SYNTHETIC, "Synthetic faces: task gender, sensitive race", rows("synthetic")),
    ),
    notes=(
        "The paper prints neither seeds nor intervals of its accuracies, and its attackers are not "
        "published. It names no trade-off weight: its numbers stand beside our first setting of a "
        "method.",
        "Its caption says that all methods are close to chance, which .780, .675 and .526 are not; "
        "it may mean the proxies of training, of which it says that they give a false sense of "
        "privacy.",
    ),
)


def run(request: Request) -> Report:
    """Write table1.json, table1.md and table1.svg."""
    return fill(TABLE, request)
