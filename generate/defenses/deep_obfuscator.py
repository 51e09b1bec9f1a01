"""DeepObfuscator: against a decoder and an attribute classifier at once (Li et al., IoTDI 2021).

What published code got wrong: it has the decoder alone, without the attribute adversary.
"""

from typing import Annotated

from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ..networks.similarity import structural_similarity
from ..noise import Noise
from . import Adversary, Batch, Defense, Network, Objective
from ._adversarial import ramped, steer


class DeepObfuscator(Defense):
    """Send the activation of a client that obstructs two proxy adversaries.

    The client minimises L_util - weight · L_attribute - reconstruction_weight · L_input, each
    adversary its own loss: the cross-entropy on the sensitive attribute, and 1 - SSIM between the
    decoded and the true image (the paper's has five scales, for which small images have no room).
    """

    adversary: Adversary | None = "both"

    def __init__(
        self,
        *,
        weight: Annotated[float, Field(ge=0)] = 0.5,
        reconstruction_weight: Annotated[float, Field(ge=0)] = 0.5,
    ) -> None:
        super().__init__()
        self.weight = weight
        self.reconstruction_weight = reconstruction_weight

    def release(self, activation: Tensor, noise: Noise) -> Tensor:
        """Return (N, C, H, W) unchanged."""
        return activation

    def objective(self, batch: Batch, task_network: Network, adversary: Network) -> Objective:
        """Sum of L_util and both adversaries' losses; the obstruction reaches the client alone."""

        def faced(activation: Tensor) -> tuple[Tensor, Tensor, Tensor]:
            guesses, decoded = adversary(activation)
            attribute = functional.cross_entropy(guesses, batch.sensitive)
            return guesses, attribute, 1 - structural_similarity(decoded, batch.images)

        def exposure(answer: tuple[Tensor, Tensor, Tensor]) -> Tensor:
            _, attribute, reconstruction = answer
            against = self.weight * attribute + self.reconstruction_weight * reconstruction
            return -ramped(1.0, batch.progress) * against

        (guesses, *losses), hiding = steer(batch.activation, faced, exposure)
        logits = task_network(batch.activation)
        utility = functional.cross_entropy(logits, batch.task)
        return Objective(utility + sum(losses) + hiding, logits, guesses)
