"""Rank-1 re-identification."""

from . import ReconstructionOutcome, Statistic, Values
from ._identity import IdentityMetric, seen, share


class Rank1(IdentityMetric):
    """Share of probes that a judge finds more like their own person than anyone else.

    Closed gallery: every probe's person is in it once. A person who shares the first place with
    k - 1 others counts 1/k, so that a judge who sees nothing is at chance, one over the gallery.
    """

    def statistic(self, outcome: ReconstructionOutcome) -> Statistic:
        """Find out once which probes are found."""
        identity = seen(outcome)
        similarity, own = identity.similarity[identity.probe], identity.own[identity.probe]
        first = similarity == similarity.max(axis=1, keepdims=True)
        found = first[range(len(own)), own] / first.sum(axis=1)

        def rank1(weights: Values) -> Values:
            return share(weights[:, identity.probe], found)

        return rank1
