"""The random flips and shifts that every network here is trained with."""

import torch
from torch import Tensor
from torch.nn import functional


def augment(images: Tensor, generator: torch.Generator) -> Tensor:
    """Flip half of the images and shift each by up to a sixteenth of its side.

    (B, 3, S, S) uint8 to (B, 3, S, S) float32 in [0, 1], channels last in memory.
    """
    count, _, side, _ = images.shape
    reach = max(side // 16, 1)
    padded = functional.pad(images.permute(0, 2, 3, 1), (0, 0, reach, reach, reach, reach))
    steps = torch.arange(side)
    top, left = torch.randint(2 * reach + 1, (2, count, 1), generator=generator)
    flip = torch.rand(count, 1, generator=generator) < 0.5
    rows = (top + steps).to(images.device)
    columns = (left + torch.where(flip, steps.flip(0), steps)).to(images.device)
    batch = torch.arange(count, device=images.device)
    picked = padded[batch[:, None, None], rows[:, :, None], columns[:, None, :]]
    return picked.permute(0, 3, 1, 2).float() / 255
