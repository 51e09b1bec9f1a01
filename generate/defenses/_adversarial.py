"""What defenses against a proxy adversary share: its losses, and whom their gradients reach.

Legend: N batch; C H W activation; K classes.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from . import Adversary, Batch, Network

RAMP = 0.5  # of the defended phase: a proxy that has just begun gives no direction worth following


def privacy_loss(kind: Adversary, answer: Tensor, batch: Batch) -> Tensor:
    """L_priv of DISCO's section 3.3: cross-entropy for the attribute, l1 for the input."""
    if kind == "attribute":
        return functional.cross_entropy(answer.float(), batch.sensitive)
    return functional.l1_loss(answer.float(), batch.images)


def entropy(logits: Tensor) -> Tensor:
    """Mean entropy in nats of softmax(logits), (N, K).

    >>> round(entropy(torch.zeros(2, 10)).item(), 4)  # log 10
    2.3026
    """
    logarithms = functional.log_softmax(logits.float(), dim=1)
    return -(logarithms.exp() * logarithms).sum(dim=1).mean()


def steer(
    activation: Tensor, adversary: Network, loss: Callable[[Any], Tensor]
) -> tuple[Any, Tensor]:
    """Let the activation (N, C, H, W) descend a loss of the adversary's answer, and nobody else.

    Returns the answer, whose gradient reaches the adversary alone, and a term to add to the
    objective: it is worth zero, and its gradient to the activation is that of `loss`. Where the
    activation follows no gradient, because the adversary alone learns, nothing is steered.
    """
    if not activation.requires_grad:
        return adversary(activation), activation.new_zeros(())
    seen = activation.detach().requires_grad_()
    answer = adversary(seen)
    (direction,) = torch.autograd.grad(loss(answer), seen, retain_graph=True)
    return answer, ((activation - activation.detach()) * direction.detach()).sum()


def ramped(weight: float, progress: float) -> float:
    """A trade-off weight that rises linearly over the first half of the defended phase.

    >>> ramped(2.0, 0.25), ramped(2.0, 0.75)
    (1.0, 2.0)
    """
    return weight * min(progress / RAMP, 1.0)
