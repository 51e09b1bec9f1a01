"""The defenses of every table, each at several settings of its trade-off; one line per setting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ._rows import UNDEFENDED, Row

NO_PAPER: Mapping[str, Mapping[str, float]] = {}


@dataclass(frozen=True)
class Setting:
    """A defense at one setting: the end of its configuration's name, and what is changed in it."""

    method: str
    config: str
    changes: tuple[str, ...] = ()


def _swept(method: str, config: str, option: str, values: tuple[float, ...]) -> tuple[Setting, ...]:
    return tuple(
        Setting(method.format(value), config, (f"defense.{option}={value}",)) for value in values
    )


def disco(*ratios: float) -> tuple[Setting, ...]:
    """DISCO at these pruning ratios."""
    return _swept("DISCO, R = {}", "disco", "ratio", ratios)


def random_pruning(*ratios: float) -> tuple[Setting, ...]:
    """As many channels as DISCO prunes, drawn for each query."""
    return _swept("random pruning, R = {}", "random-pruning", "ratio", ratios)


def gaussian_noise(*sigmas: float) -> tuple[Setting, ...]:
    """Noise in units of the activations' root mean square."""
    return _swept("Gaussian noise, {} rms", "gaussian-noise", "sigma", sigmas)


def max_entropy(*weights: float) -> tuple[Setting, ...]:
    """MaxEnt-ARL at these trade-off weights."""
    return _swept("MaxEnt, weight {}", "max-entropy", "weight", weights)


def adversarial(*weights: float) -> tuple[Setting, ...]:
    """Gradient reversal at these trade-off weights."""
    return _swept("adversarial, weight {}", "adversarial", "weight", weights)


NONE = Setting(UNDEFENDED, "none")
DISCO = disco(0.6, 0.9)
# With the large filter, the spatial decoupler and the client held in the second phase (section 4);
# the other rows have the light filter on the bare activation, and train the client on.
AS_PRINTED = replace(
    DISCO[0],
    method=f"{DISCO[0].method}, as printed",
    changes=(
        *DISCO[0].changes,
        "defense.filter=resnet18",
        "defense.decoupler=true",
        "defense.frozen=client",
    ),
)
MAX_ENTROPY = max_entropy(1.0, 2.0)
ADVERSARIAL = adversarial(1.0, 3.0)
OBFUSCATOR = _swept("DeepObfuscator, weight {}", "deep-obfuscator", "weight", (0.5, 1.0))
RANDOM = random_pruning(0.6, 0.9)
NOISE = gaussian_noise(0.5, 2.0)
# Against the rebuilding of inputs, as table 2 and figure 6 have them.
FOR_INPUTS = tuple(
    replace(one, method=f"{one.method}, for inputs", changes=(*one.changes, "defense.mode=input"))
    for one in (DISCO[0], ADVERSARIAL[0])
)
DECOUPLED = replace(
    FOR_INPUTS[0],
    method=f"{FOR_INPUTS[0].method}, decoupler on",
    changes=(*FOR_INPUTS[0].changes, "defense.decoupler=true"),
)
ALL = (NONE, *DISCO, AS_PRINTED, *MAX_ENTROPY, *ADVERSARIAL, *OBFUSCATOR, *RANDOM, *NOISE)
AGAINST_REBUILDING = (*ALL, *FOR_INPUTS, DECOUPLED)


def rows(
    prefix: str,
    settings: Sequence[Setting] = ALL,
    paper: Mapping[str, Mapping[str, float]] = NO_PAPER,
) -> tuple[Row, ...]:
    """A row per setting: configurations `<prefix>-<config>`, the paper's numbers by method."""
    return tuple(
        Row(one.method, f"{prefix}-{one.config}", one.changes, paper.get(one.method, {}))
        for one in settings
    )
