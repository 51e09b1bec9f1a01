"""What metrics of re-identification share: probes, a fixed gallery, and what they lack.

The bootstrap draws subjects, and with them their probes; the gallery stays as it is.
"""

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...schemas import Track
from ..judging.identity import Identity
from . import Metric, ReconstructionOutcome, Values


class IdentityMetric(Metric[ReconstructionOutcome]):
    """A judge's answer to whether the person can be told from the reconstruction."""

    track = Track.RECONSTRUCTION
    range: ClassVar[tuple[float, float]] = (0.0, 1.0)

    def lacks(self, outcome: ReconstructionOutcome) -> str | None:
        """Ask for a judge, and for somebody who can be found again."""
        if outcome.identity is None:
            return "no judge was given: --judge FILE"
        if outcome.identity.probes == 0:
            return "no subject has two images"
        return None

    def counted(self, outcome: ReconstructionOutcome) -> int:
        """Count the probes."""
        return seen(outcome).probes


def seen(outcome: ReconstructionOutcome) -> Identity:
    """What the judge saw; ValueError where there was none."""
    if outcome.identity is None:
        raise ValueError("these images were shown to no judge")
    return outcome.identity


def share(drawn: Values, found: NDArray[Any]) -> Values:
    """Share of the drawn probes (B, P) that are found (P,) or (B, P): (B,), NaN of none."""
    total = drawn.sum(axis=1)
    shares: Values = np.divide(
        (drawn * found).sum(axis=1), total, out=np.full_like(total, np.nan), where=total > 0
    )
    return shares
