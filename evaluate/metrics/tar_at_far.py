"""True-accept rate at a false-accept rate of one in a thousand."""

import numpy as np
from numpy.typing import NDArray

from . import ReconstructionOutcome, Statistic, Values
from ._identity import IdentityMetric, seen, share

IMPOSTORS_PER_FALSE_ACCEPT = 1000  # FAR 1e-3, as a whole number so that the comparison is exact
BLOCK = 2048  # impostor pairs looked at in one step


class TarAtFar(IdentityMetric):
    """Share of probes accepted as their own person where 1 in 1,000 impostor pairs is.

    A pair is a probe and a gallery image; it is accepted above the lowest threshold at which at
    most 1e-3 of the impostor pairs are, and equal pairs are accepted or refused together. The
    threshold belongs to the reconstructions that are judged: each bootstrap replicate has its own.
    """

    def lacks(self, outcome: ReconstructionOutcome) -> str | None:
        """Ask for enough impostors to set a threshold by."""
        reason = super().lacks(outcome)
        if reason is None and seen(outcome).impostor_pairs < IMPOSTORS_PER_FALSE_ACCEPT:
            reason = (
                f"a false-accept rate of 1e-3 needs at least {IMPOSTORS_PER_FALSE_ACCEPT} "
                f"impostor pairs, but there are {seen(outcome).impostor_pairs}"
            )
        return reason

    def statistic(self, outcome: ReconstructionOutcome) -> Statistic:
        """Sort the impostor pairs once."""
        identity = seen(outcome)
        similarity, own = identity.similarity[identity.probe], identity.own[identity.probe]
        people = similarity.shape[1]
        genuine = similarity[range(len(own)), own]
        impostor = own[:, None] != np.arange(people)
        falling = np.argsort(-similarity[impostor], kind="stable")
        impostors = similarity[impostor][falling]
        probe_of = impostor.nonzero()[0][falling]

        def rate(weights: Values) -> Values:
            drawn = weights[:, identity.probe]
            pairs = drawn.sum(axis=1) * (people - 1)
            threshold = _threshold(drawn, pairs, impostors, probe_of)
            return share(drawn, genuine > threshold[:, None])

        return rate


def _threshold(
    drawn: Values, pairs: Values, impostors: Values, probe_of: NDArray[np.intp]
) -> Values:
    """Find the first impostor similarity, from above, that may not be accepted: (B,)."""
    thresholds = np.full(len(drawn), -np.inf)
    accepted = np.zeros((len(drawn), 1))
    sought = pairs > 0
    for start in range(0, len(impostors), BLOCK):
        counts = accepted + np.cumsum(drawn[:, probe_of[start : start + BLOCK]], axis=1)
        over = IMPOSTORS_PER_FALSE_ACCEPT * counts > pairs[:, None]
        found = sought & over[:, -1]  # counts never fall
        thresholds[found] = impostors[start + over[found].argmax(axis=1)]
        sought &= ~found
        accepted = counts[:, -1:]
        if not sought.any():
            break
    return thresholds
