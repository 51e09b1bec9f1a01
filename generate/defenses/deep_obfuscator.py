"""DeepObfuscator: against a decoder and an attribute classifier at once (Li et al., IoTDI 2021).

What published code got wrong: it has the decoder alone, without the attribute adversary.
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from ..noise import Noise
from . import Adversary, Batch, Defense, Network, Objective
from ._adversarial import ramped, steer

RADIUS, SIGMA, C1, C2 = 5, 1.5, 0.01**2, 0.03**2  # Wang et al. 2004, for values in [0, 1]


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

        def losses(answers: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            guesses, decoded = answers
            attribute = functional.cross_entropy(guesses, batch.sensitive)
            return attribute, dissimilarity(decoded.float(), batch.images)

        def exposure(answers: tuple[Tensor, Tensor]) -> Tensor:
            attribute, reconstruction = losses(answers)
            against = self.weight * attribute + self.reconstruction_weight * reconstruction
            return -ramped(1.0, batch.progress) * against

        answers, hiding = steer(batch.activation, adversary, exposure)
        logits = task_network(batch.activation)
        utility = functional.cross_entropy(logits, batch.task)
        return Objective(utility + sum(losses(answers)) + hiding, logits, answers[0])


def dissimilarity(images: Tensor, truth: Tensor) -> Tensor:
    """1 - SSIM of images (N, 3, S, S) in [0, 1], averaged over all whole windows: a scalar."""
    maps = torch.cat([images, truth, images**2 + truth**2, images * truth])
    mean_x, mean_y, power, product = _windowed(maps).chunk(4)
    means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    contrast = (2 * (product - means) + C2) / (power - squares + C2)
    return 1 - ((2 * means + C1) / (squares + C1) * contrast).mean()


def _windowed(maps: Tensor) -> Tensor:
    """Average (N, 3, S, S) under an 11 x 11 Gaussian window, in float32."""
    offsets = torch.arange(-RADIUS, RADIUS + 1, device=maps.device)
    weights = torch.exp(-(offsets**2) / (2 * SIGMA**2))
    line = (weights / weights.sum()).expand(3, 1, 1, -1)
    with torch.autocast(maps.device.type, enabled=False):
        across = functional.conv2d(maps, line, groups=3)
        return functional.conv2d(across, line.transpose(2, 3), groups=3)
