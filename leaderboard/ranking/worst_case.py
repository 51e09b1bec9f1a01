"""The worst case image by image: what an attacker reads who knows which attack suits which image.

Legend: N images, K training runs of one configuration, A attacks.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ...schemas import LeaderboardRow
from ...schemas.resampling import Values
from .estimates import Estimate
from .images import Runs, ValuesOf, intervals
from .record import Identity, identity


@dataclass(frozen=True)
class PerImage:
    """What the strongest of several attacks on each image reads, from below and from above.

    at_least  the attack is chosen for each image on the other training runs; None for a single run
    at_most   it is chosen with hindsight
    attacks   how many there were to choose from
    """

    at_least: Estimate | None
    at_most: Estimate
    attacks: int


def per_image(releases: Sequence[Sequence[LeaderboardRow]], values_of: ValuesOf) -> PerImage | None:
    """Bracket the worst case per image of a configuration, given the attacks on its releases.

    Only attacks that were made on every release are chosen from. None where there are not two, or
    their values per image are not kept, or are not of the same images.
    """
    by_attack = _by_attack(releases)
    lined_up = [Runs.of(by_attack[name], values_of) for name in sorted(by_attack)]
    runs = [one for one in lined_up if one is not None]
    if len(runs) < 2 or any(one.image != runs[0].image for one in runs):
        return None
    values = np.stack([one.value for one in runs])
    bounds = [worst_with_hindsight(values)]
    if values.shape[1] > 1:
        bounds.append(worst_foreseen(values))
    found = intervals([Runs(runs[0].image, runs[0].subject, bound) for bound in bounds])
    estimates = [Estimate.within(interval, values.shape[2]) for interval in found]
    return PerImage(estimates[1] if len(estimates) > 1 else None, estimates[0], len(runs))


def _by_attack(
    releases: Sequence[Sequence[LeaderboardRow]],
) -> dict[Identity, list[LeaderboardRow]]:
    """The entries of each attack that was made on every image of every release."""
    found: dict[Identity, list[LeaderboardRow]] = defaultdict(list)
    for release in releases:
        for row in release:
            if row.report.asked is None:
                found[identity(row)].append(row)
    return {name: rows for name, rows in found.items() if len(rows) == len(releases)}


def worst_with_hindsight(attacks: Values) -> Values:
    """The strongest attack on each image, with hindsight: (A, K, N) to (K, N).

    The maximum of noisy values lies above the value of the best attack (Jensen), so its mean is an
    upper bound of what an attacker who knew the best attack for each image would read.
    """
    return np.asarray(attacks.max(axis=0))


def worst_foreseen(attacks: Values) -> Values:
    """The strongest attack on each image, chosen on the other runs: (A, K, N) to (K, N), K >= 2.

    For each run the attack is chosen by the image's mean value in all other runs and takes its
    value in this one, so that the noise which it was chosen by is not the noise it is scored by.
    Its mean lies, up to sampling, below what the best attack for each image reads, as the bound
    with hindsight lies above it. Attacks that are equal on the other runs stand in the order of
    their means there.
    """
    chosen = []
    for run in range(attacks.shape[1]):
        seen = np.delete(attacks, run, axis=1).mean(axis=1)
        order = np.argsort(-seen.mean(axis=1), kind="stable")
        best = order[seen[order].argmax(axis=0)]
        chosen.append(attacks[best, run, np.arange(attacks.shape[2])])
    return np.stack(chosen)
