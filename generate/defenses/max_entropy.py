"""MaxEnt-ARL: an adversary that is left undecided (Roy and Boddeti, CVPR 2019).

What published code got wrong: it subtracts the gradient of the negated entropy, so that the client
*lowers* the entropy, and feeds softmax outputs to a loss that takes logits.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ..noise import Noise
from . import Adversary, Batch, Defense, Network, Objective
from ._adversarial import entropy, ramped, steer


class MaxEntropy(Defense):
    """Send the activation of a client that maximises the proxy adversary's entropy.

    The client minimises L_util - weight · H(f3(z)), the task network L_util, and the proxy
    adversary its cross-entropy on z, which the client does not follow. Entropy has a maximum, so
    unlike a reversed cross-entropy it cannot be raised without end.
    """

    adversary: Adversary | None = "attribute"

    def __init__(self, *, weight: Annotated[float, Field(ge=0)] = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return (N, C, H, W) unchanged."""
        return activation

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Sum of L_util and the adversary's loss; the entropy reaches the client alone."""
        weight = ramped(self.weight, batch.progress)
        guesses, hiding = steer(batch.activation, adversary, lambda g: -weight * entropy(g))
        logits = task_network(batch.activation)
        utility = functional.cross_entropy(logits, batch.task)
        privacy = functional.cross_entropy(guesses, batch.sensitive)
        return Objective(utility + privacy + hiding, logits, guesses)
