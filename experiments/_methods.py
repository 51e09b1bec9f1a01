"""The defenses of every table, each at several settings of its trade-off; one line per setting."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ._rows import UNDEFENDED, Row

NO_PAPER: Mapping[str, Mapping[str, float]] = {}


@dataclass(frozen=True)
class Setting:
    """A defense at one setting: the end of its configuration's name, and what is changed in it."""

    method: str
    config: str
    changes: tuple[str, ...] = ()


NONE = Setting(UNDEFENDED, "none")
DISCO = tuple(Setting(f"DISCO, R = {r}", "disco", (f"defense.ratio={r}",)) for r in (0.6, 0.9))
RANDOM = tuple(
    Setting(f"random pruning, R = {r}", "random-pruning", (f"defense.ratio={r}",))
    for r in (0.6, 0.9)
)
NOISE = tuple(
    Setting(f"Gaussian noise, {s} rms", "gaussian-noise", (f"defense.sigma={s}",))
    for s in (0.5, 2.0)
)
MAX_ENTROPY = tuple(
    Setting(f"MaxEnt, weight {w}", "max-entropy", (f"defense.weight={w}",)) for w in (1.0, 2.0, 3.0)
)
ADVERSARIAL = tuple(
    Setting(f"adversarial, weight {w}", "adversarial", (f"defense.weight={w}",)) for w in (0.5, 1.0)
)
OBFUSCATOR = tuple(
    Setting(f"DeepObfuscator, weight {w}", "deep-obfuscator", (f"defense.weight={w}",))
    for w in (0.5, 1.0)
)
# Against the rebuilding of inputs, as table 2 and figure 6 have them.
FOR_INPUTS = tuple(
    replace(one, method=f"{one.method}, for inputs", changes=(*one.changes, "defense.mode=input"))
    for one in (DISCO[0], ADVERSARIAL[1])
)
DECOUPLED = replace(
    FOR_INPUTS[0],
    method=f"{FOR_INPUTS[0].method}, decoupler on",
    changes=(*FOR_INPUTS[0].changes, "defense.decoupler=true"),
)
ALL = (NONE, *DISCO, *MAX_ENTROPY, *ADVERSARIAL, *OBFUSCATOR, *RANDOM, *NOISE)
AGAINST_REBUILDING = (*ALL, *FOR_INPUTS, DECOUPLED)


def rows(
    prefix: str,
    settings: Sequence[Setting] = ALL,
    paper: Mapping[str, Mapping[str, float]] = NO_PAPER,
) -> tuple[Row, ...]:
    """A row per setting: configurations `<prefix>-<config>`, the paper's numbers by method."""
    return tuple(_rows(prefix, settings, paper))


def _rows(
    prefix: str, settings: Sequence[Setting], paper: Mapping[str, Mapping[str, float]]
) -> Iterator[Row]:
    for one in settings:
        printed = paper.get(one.method, {})
        yield Row(one.method, f"{prefix}-{one.config}", one.changes, printed)
