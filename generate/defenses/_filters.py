"""Channel filters: which channels of each sample are pruned, from a score per channel.

Legend: N batch; C H W activation; R pruning ratio.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.resnet import BasicBlock

TEMPERATURE = 0.03  # section 4 of the DISCO paper
SCORE_SCALE = 0.1  # normalised scores then spread about three temperatures around the threshold
WIDTHS = (64, 128, 256, 512)  # of ResNet-18's stages
FilterKind = Literal["light", "resnet18"]


def filter_generator(kind: FilterKind, channels: int) -> nn.Module:
    """Make a network from (N, C, H, W) to a score per channel (N, C), for C = `channels`.

    `resnet18` is what the paper has: the stages of ResNet-18 that are wider than the activation.
    """
    return _light(channels) if kind == "light" else _resnet18_tail(channels)


def _light(channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, 64, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.Conv2d(64, 128, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(128, channels),
    )


def _resnet18_tail(channels: int) -> nn.Module:
    blocks: list[nn.Module] = []
    last = channels
    for width in (width for width in WIDTHS if width > channels):
        shortcut = nn.Conv2d(last, width, 1, stride=2, bias=False)
        downsample = nn.Sequential(shortcut, nn.BatchNorm2d(width))
        blocks += [BasicBlock(last, width, 2, downsample), BasicBlock(width, width)]
        last = width
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(last, channels))


def pruned_channels(ratio: float, channels: int) -> int:
    """How many of the channels a pruning ratio removes: floor(R · C).

    >>> pruned_channels(0.6, 64)
    38
    """
    return math.floor(ratio * channels + 1e-9)  # 0.7 · 10 is 7, not floor(6.999…)


def hard_mask(scores: Tensor, pruned: int | Tensor) -> Tensor:
    """Zero for the `pruned` lowest scores of each row of (N, C), one for the others.

    Exactly `pruned` zeros, a number or one per row (N, 1), whatever the ties: equal scores are
    pruned in channel order.

    >>> hard_mask(torch.tensor([[0.3, 0.1, 0.2]]), 2)
    tensor([[1., 0., 0.]])
    """
    ranks = scores.argsort(dim=1, stable=True).argsort(dim=1)
    return (ranks >= pruned).to(scores.dtype)


def normalized(scores: Tensor) -> Tensor:
    """Give the scores (N, C) of each sample mean 0 and one spread, in float32."""
    return SCORE_SCALE * functional.layer_norm(scores.float(), scores.shape[1:])


def straight_through_mask(scores: Tensor, pruned: Tensor) -> Tensor:
    """`hard_mask` forward, backward the sigmoid with a temperature around the threshold.

    The threshold lies between the scores of ranks `pruned` - 1 and `pruned`, (N, 1) int64.
    """
    ranked = scores.detach().sort(dim=1).values
    below, above = (ranked.gather(1, rank) for rank in ((pruned - 1).clamp(min=0), pruned))
    soft = torch.sigmoid((scores - (below + above) / 2) / TEMPERATURE)
    return hard_mask(scores.detach(), pruned) + (soft - soft.detach())
