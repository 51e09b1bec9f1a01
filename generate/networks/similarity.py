"""Structural similarity as a loss of defenses: differentiable, float32.

The evaluator, which judges the defenses, shares no code with them: its loss is its own.
"""

import numpy as np
import torch
from torch import Tensor

_OFFSETS = np.arange(-5, 6)
_WINDOW = np.exp(-(_OFFSETS**2) / (2 * 1.5**2))
_WINDOW /= _WINDOW.sum()
C1, C2 = 0.01**2, 0.03**2  # (K1 L)^2 and (K2 L)^2 for values in [0, 1]


def structural_similarity(images: Tensor, truth: Tensor) -> Tensor:
    """Mean SSIM of images (N, 3, S, S) in [0, 1] over all whole windows: a scalar, eq. (13) of
    Wang et al. 2004.
    """
    images, truth = images.float(), truth.float()
    mean_x, mean_y, power, product = (
        _windowed(maps) for maps in (images, truth, images**2 + truth**2, images * truth)
    )
    means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    contrast = (2 * (product - means) + C2) / (power - squares + C2)
    return ((2 * means + C1) / (squares + C1) * contrast).mean()


def _windowed(maps: Tensor) -> Tensor:
    """Average (N, 3, S, S) under every whole window: (N, 3, S - 10, S - 10).

    As matrix products: a convolution of three channels leaves most of a processor idle.
    """
    side = maps.shape[-1]
    whole = side - len(_WINDOW) + 1
    band = torch.zeros(whole, side, device=maps.device)  # row r has the window at r to r + 10
    for place, weight in enumerate(_WINDOW.tolist()):
        band.diagonal(place)[:whole] = weight
    with torch.autocast(maps.device.type, enabled=False):
        return band @ maps @ band.T
