"""Receiver operating characteristics of one class against the rest, under image weights.

Weights are counts, so every sum here is a whole number and exact in whatever order it is taken.

Legend: N images, B replicates, T distinct scores.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schemas import UsageError
from . import AttributeOutcome, Statistic, Values
from ._macro import macro

# From true and false positives (B, T + 1) to the numerator (B,) of a ratio whose denominator is
# the number of positives times the number of negatives.
Numerator = Callable[[Values, Values], Values]


@dataclass(frozen=True)
class Ranking:
    """Images in falling order of their score: all that a receiver operating characteristic needs.

    order  N row numbers    positive  N bool, in that order    ends  T, where equal scores end
    """

    order: NDArray[np.intp]
    positive: NDArray[np.bool_]
    ends: NDArray[np.intp]

    @classmethod
    def of(cls, scores: NDArray[np.floating[Any]], positive: NDArray[np.bool_]) -> "Ranking":
        """Sort the images; equal scores fall together, whatever the row order."""
        order = np.argsort(-scores, kind="stable")
        falls = np.flatnonzero(np.diff(scores[order]))
        return cls(order, positive[order], np.append(falls, len(order) - 1))

    def counts(self, weights: Values) -> tuple[Values, Values]:
        """True and false positives (B, T + 1) as the threshold falls; the first accept nothing."""
        drawn = weights[:, self.order]
        return self._cumulated(drawn * self.positive), self._cumulated(drawn * ~self.positive)

    def _cumulated(self, drawn: Values) -> Values:
        accepted = np.cumsum(drawn, axis=1)[:, self.ends]
        return np.pad(accepted, ((0, 0), (1, 0)))


def one_vs_rest(outcome: AttributeOutcome, numerator: Numerator) -> Statistic:
    """Average a ratio over the classes that have both positives and negatives.

    Classes that a bootstrap replicate lacks are left out of its average. `UsageError` where all
    images are of one class.
    """
    present = np.unique(outcome.labels)
    if len(present) < 2:
        raise UsageError(
            f"ranking metrics need images of at least two classes, but all {len(outcome.labels)} "
            f"are of class {present[0]}; score a larger split"
        )
    rankings = [
        Ranking.of(outcome.probabilities[:, label], outcome.labels == label) for label in present
    ]

    def average(weights: Values) -> Values:
        counts = [ranking.counts(weights) for ranking in rankings]
        numerators = [numerator(*count) for count in counts]
        pairs = [hits[:, -1] * false[:, -1] for hits, false in counts]
        return macro(np.stack(numerators), np.stack(pairs))

    return average
