"""Membership inference: does what is sent say that an image was trained on?

Legend: N images, half of them members; C channels of an activation; K classes of the task.
"""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from ...schemas import Direction, NoBound
from ...schemas.bounds import Quantity
from ...schemas.records import PublicSplit
from . import Bound, Values

Numbers = NDArray[np.float64]
FALSE_POSITIVES = 0.01
CHUNK = 256  # images encoded at a time
FEWEST = 20  # images of each kind, to fit and to test


def _more(meaning: str) -> Quantity:
    return Quantity(
        unit="share", direction=Direction.HIGHER_LEAKS_MORE, meaning=meaning, summary="mean"
    )


class Membership(Bound):
    """An attack, not a bound by proof: images of `defender` against images of `auxiliary`.

    Two attackers. `loss` ranks images by the task's loss alone (Yeom et al. 2018), for which it
    must know the task label. `classifier` fits a logistic regression on that loss, the output's
    confidence and each channel's mean and deviation. Both are fitted on half of the subjects and
    tested on the others; only those are counted. The true positive rate is taken at the threshold
    that 1 % of the non-members it was fitted on exceed; the false positive rate stands beside it.
    A few hundred images say little: give `--samples 4000`.
    """

    splits: ClassVar[tuple[PublicSplit, ...]] = ("defender", "auxiliary")
    quantities: ClassVar[Mapping[str, Quantity]] = {
        f"{attacker}_{name}": _more(f"{meaning}, {attacker} attacker")
        for attacker in ("loss", "classifier")
        for name, meaning in {
            "auc": "chance that a member is ranked above a non-member; 0.5 says nothing",
            "tpr": "members found at the threshold for 1 % false positives",
            "fpr": "non-members taken for members at that threshold",
        }.items()
    }

    def __init__(self, *, seed: int = 0) -> None:
        self.seed = seed

    def measure(self, client: Any, inputs: Tensor) -> Iterator[Values]:
        """Yield all images at once; those the attackers were fitted on are not counted."""
        task, subjects = self.sampled.task, self.sampled.subjects
        member = np.asarray([split == self.splits[0] for split in self.sampled.splits])
        fitted = _half(subjects, self.seed)
        _enough(member, fitted)
        features = _features(client, inputs, task, self.seed)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
        model.fit(features[fitted], member[fitted])
        scores = {"loss": -features[:, 0], "classifier": model.decision_function(features)}
        yield {
            f"{attacker}_{name}": values
            for attacker, score in scores.items()
            for name, values in parts(score, member, fitted).items()
        }


def parts(score: Numbers, member: NDArray[np.bool_], fitted: NDArray[np.bool_]) -> Values:
    """Each image's part in the area under the curve, and whether it passes the threshold.

    The mean over the images that were not `fitted` is the number; NaN elsewhere.
    """
    threshold = np.quantile(score[fitted & ~member], 1 - FALSE_POSITIVES)
    passes = (score > threshold).astype(np.float64)
    tested = ~fitted
    return {
        "auc": _auc_parts(score, member & tested, ~member & tested),
        "tpr": np.where(member & tested, passes, np.nan),
        "fpr": np.where(~member & tested, passes, np.nan),
    }


def _auc_parts(score: Numbers, positive: NDArray[np.bool_], negative: NDArray[np.bool_]) -> Numbers:
    """The placement values of DeLong et al. (1988), weighted so that their mean is the area."""
    found: Numbers = np.full(len(score), np.nan)
    below = _shares_below(score[positive], score[negative])
    above = 1 - _shares_below(score[negative], score[positive])
    area, total = below.mean(), len(below) + len(above)
    found[positive] = area + (below - area) * total / len(below)
    found[negative] = area + (above - area) * total / len(above)
    return found


def _shares_below(values: Numbers, others: Numbers) -> Numbers:
    """Which share of `others` lies below each value, ties counting half."""
    ordered = np.sort(others)
    sides = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
    shares: Numbers = (sides[0] + sides[1]) / (2 * len(ordered))
    return shares


def _half(subjects: Any, seed: int) -> NDArray[np.bool_]:
    """Half of the subjects, each with all its images: (N,) bool."""
    names, subject_of = np.unique(np.asarray(subjects), return_inverse=True)
    chosen = np.random.default_rng(seed).permutation(len(names)) < len(names) / 2
    half: NDArray[np.bool_] = chosen[subject_of]
    return half


def _enough(member: NDArray[np.bool_], fitted: NDArray[np.bool_]) -> None:
    fewest = min(int((m & f).sum()) for m in (member, ~member) for f in (fitted, ~fitted))
    if fewest < FEWEST:
        raise NoBound(
            f"membership needs at least {FEWEST} members and as many others both to fit and to "
            f"test the attack, but there are {fewest}; measure more samples"
        )


@torch.no_grad()
def _features(client: Any, inputs: Tensor, task: Tensor, seed: int) -> Numbers:
    """The loss, the output's confidence, and channel means and deviations: (N, 3 + 2 C)."""
    generator = torch.Generator().manual_seed(seed)
    found = []
    for part, labels in zip(inputs.split(CHUNK), task.split(CHUNK), strict=True):
        activation = client(part.float() / 255, generator)
        logits = client.task_network(activation)
        loss = functional.cross_entropy(logits, labels, reduction="none")
        shares = logits.softmax(dim=1)
        output = torch.stack([loss, torch.special.entr(shares).sum(dim=1), shares.amax(dim=1)], 1)
        channels = activation.flatten(2)
        found.append(
            torch.cat([output, channels.mean(dim=2), channels.std(dim=2, correction=0)], dim=1)
        )
    features: Numbers = torch.cat(found).double().numpy()
    return features
