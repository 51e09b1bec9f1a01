"""Leak-lint: does what names, orders or counts the records say something about their labels?

Ids, order and numbers of queries follow from the organiser's secret alone. Whatever depends on a
label beyond chance is a leak; every test is corrected for how many there are.

Legend: N images, one record each; K classes.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2, kruskal, norm, poisson, spearmanr

ALARM = 1e-6  # chance that a sound split is accused, all tests together
SHUFFLES = 200
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Visible:
    """What anybody sees of N images beside their activations, in release order."""

    sample_id: Sequence[str]
    image_id: Sequence[str]
    queries: NDArray[np.int64]


@dataclass(frozen=True)
class Hidden:
    """What it must not tell: labels by attribute, who is pictured, and the place in the source."""

    labels: Mapping[str, Labels]
    subject: Labels
    source: Labels | None = None


def leaks(seen: Visible, hidden: Hidden) -> Iterator[str]:
    """Describe each leak; the tests are of order, neighbours, ids and numbers of queries."""
    tested = [one for name, values in hidden.labels.items() for one in _label(seen, name, values)]
    tested.append(("neighbours in the order show the same subject", _same_subject(hidden.subject)))
    if hidden.source is not None:
        p = float(spearmanr(np.arange(len(hidden.source)), hidden.source).pvalue)
        tested.append(("the order follows that of the source images", p))
    for text, p in tested:
        if p < ALARM / len(tested):
            yield f"{text} (p = {p:.1g})"


def _label(seen: Visible, name: str, values: Labels) -> Iterator[tuple[str, float]]:
    """Yield a sentence and its p-value for each way in which a label could show."""
    classes = [np.flatnonzero(values == value) for value in np.unique(values)]
    if len(classes) < 2:
        return
    yield f"the order depends on {name}", float(kruskal(*classes).pvalue)
    yield f"neighbours in the order share their {name}", _neighbours(values)
    for kind, ids in (("sample_id", seen.sample_id), ("image_id", seen.image_id)):
        yield f"{kind} depends on {name}", _bits(ids, values)
    yield f"the number of queries depends on {name}", _dependence(seen.queries[:, None] > 1, values)


def _neighbours(values: Labels) -> float:
    """Do neighbours agree more, or less, often than in shuffled orders? Normal, two-sided."""
    random = np.random.default_rng(0)
    shuffled = [_agreements(random.permutation(values)) for _ in range(SHUFFLES)]
    spread = float(np.std(shuffled)) or 1.0
    return float(2 * norm.sf(abs(_agreements(values) - np.mean(shuffled)) / spread))


def _same_subject(subject: Labels) -> float:
    """Do neighbours show one subject more often than chance? Such pairs are few: Poisson."""
    counts = np.bincount(subject)
    expected = float((counts * (counts - 1)).sum()) / max(len(subject), 1)
    return float(poisson.sf(_agreements(subject) - 1, expected)) if expected else 1.0


def _agreements(values: Labels) -> int:
    return int((values[1:] == values[:-1]).sum())


def _bits(ids: Sequence[str], values: Labels) -> float:
    """The least p-value over the bits of the ids, corrected for their number."""
    raw = np.frombuffer(bytes.fromhex("".join(ids)), np.uint8).reshape(len(ids), -1)
    bits = np.unpackbits(raw, axis=1).astype(np.bool_)
    least = _dependence(bits, values)
    return float(min(1.0, bits.shape[1] * least))


def _dependence(flags: NDArray[np.bool_], values: Labels) -> float:
    """Pearson's chi-squared test of each column of flags (N, F) against K classes; the least p."""
    one_hot = (values[:, None] == np.unique(values)).astype(np.float64)
    yes = flags.T.astype(np.float64) @ one_hot  # F x K
    table = np.stack([yes, one_hot.sum(axis=0) - yes])
    expected = table.sum(axis=2, keepdims=True) * table.sum(axis=0) / len(values)
    excess = np.divide(
        (table - expected) ** 2, expected, out=np.zeros_like(table), where=expected > 0
    )
    return float(chi2.sf(excess.sum(axis=(0, 2)), one_hot.shape[1] - 1).min())
