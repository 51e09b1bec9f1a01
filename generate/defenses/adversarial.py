"""Adversarial training by gradient reversal (Kim et al., "Learning Not to Learn", CVPR 2019).

What published code got wrong: its trade-off weights scale no gradient, it has no entropy term, and
a softmax before the cross-entropy leaves the adversary too weak to hide anything from.
"""

from typing import Annotated, Literal

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ..noise import Noise
from . import Batch, Defense, Network, Objective
from ._adversarial import entropy, privacy_loss, ramped, steer


class Adversarial(Defense):
    """Send the activation of a client that raises the proxy adversary's loss.

    The client minimises L_util - weight · L_priv - entropy_weight · H(f3(z)), the adversary L_priv.
    With `mode="attribute"` L_priv is the cross-entropy on the sensitive attribute; with
    `mode="input"` it is a decoder's l1 distance from the image, which has no entropy.
    """

    def __init__(
        self,
        *,
        mode: Literal["attribute", "input"] = "attribute",
        weight: Annotated[float, Field(ge=0)] = 1.0,
        entropy_weight: Annotated[float, Field(ge=0)] = 0.01,
    ) -> None:
        super().__init__()
        self.adversary = self.mode = mode
        self.weight = weight
        self.entropy_weight = entropy_weight

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return (N, C, H, W) unchanged."""
        return activation

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Sum of L_util and L_priv; the reversed gradient reaches the client alone."""
        weight = ramped(self.weight, batch.progress)

        def exposure(answer: Tensor) -> Tensor:
            certain = -self.entropy_weight * entropy(answer) if self.mode == "attribute" else 0.0
            return certain - weight * privacy_loss(self.mode, answer, batch)

        answer, hiding = steer(batch.activation, adversary, exposure)
        logits = task_network(batch.activation)
        utility = functional.cross_entropy(logits, batch.task)
        loss = utility + privacy_loss(self.mode, answer, batch) + hiding
        return Objective(loss, logits, answer if self.mode == "attribute" else None)
