"""Rows of a table: what is run for each, and what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..schemas import Record

UNDEFENDED = "none"
SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Row:
    """One row: a configuration by name, with changes, and what the paper printed for it.

    `beside` names the row that leakage is compared with; `x` is its place in a figure that has a
    series of them; `times` is how many times the protocol's epochs its attackers have.
    """

    method: str
    config: str
    changes: tuple[str, ...] = ()
    paper: Mapping[str, float] = field(default_factory=dict)
    beside: str = UNDEFENDED
    x: float | None = None
    times: int = 1


class Number(Record):
    """A mean over seeds and images with its 95 % interval (hierarchical bootstrap)."""

    value: float
    low: float
    high: float


class Compared(Record):
    """The leakage of a row beside that of the row it is compared with.

    ratio       the one over the other
    above       the same once what a guess reaches is subtracted from both; None where the other
                row is not told from a guess
    p_adjusted  how often equals would differ by so much, adjusted for the rows of the block (Holm);
                None where no row has two runs, so that nothing is known of training
    """

    ratio: Number
    above: Number | None
    p_adjusted: float | None

    @property
    def less(self) -> bool:
        """Whether it leaks significantly less."""
        return self.ratio.value < 1 and self._significant

    @property
    def more(self) -> bool:
        """Whether it leaks significantly more."""
        return self.ratio.value > 1 and self._significant

    @property
    def _significant(self) -> bool:
        return self.p_adjusted is not None and self.p_adjusted < SIGNIFICANCE


class Line(Record):
    """What is known of a row so far; nothing is, where no cell is finished.

    `by_run` is the first measure of each run, `attacks` what each attack on its track read of test,
    mean over the runs, and `flags` are the scorer's doubts about the strongest of them.
    """

    method: str
    config: str
    changes: tuple[str, ...]
    paper: dict[str, float]
    x: float | None
    seeds: tuple[int, ...]
    missing: tuple[int, ...]
    n: int
    numbers: dict[str, Number]
    by_run: tuple[float, ...]
    proxy_leakage: tuple[float | None, ...]
    strongest: tuple[str, ...]
    attacks: dict[str, float]
    flags: tuple[str, ...]
    compared: Compared | None = None


class AskedAgain(Record):
    """What is read of the images asked about once, and of those asked about repeatedly.

    The second by who averages all answers, where they differ. `minus_once` and `minus_often` are
    the differences from the reference, which has none.
    """

    method: str
    once: Number
    often: Number
    minus_once: Number | None
    minus_often: Number | None


class Asking(Record):
    """Random defenses beside an undefended network and a reference that answers always alike."""

    reference: str
    n_once: int
    n_often: int
    rows: tuple[AskedAgain, ...]


@dataclass(frozen=True)
class Block:
    """The rows of one dataset."""

    dataset: str
    title: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table or figure of the paper: its blocks, its measures and its notes.

    The first measure grows with leakage and is compared; `beside` says with what.
    """

    name: str
    measures: tuple[str, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...]
    beside: str = "undefended"


class Filled(Record):
    """A block with what is known so far; `anchors` are guesses, and ceilings that see images."""

    dataset: str
    title: str
    lines: tuple[Line, ...]
    anchors: dict[str, Number]
    asking: Asking | None
    notes: tuple[str, ...]
