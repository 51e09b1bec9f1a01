"""Structural similarity as a loss: differentiable, float32; scores are computed by `metrics`."""

from torch import Tensor

from .metrics.ssim import C1, C2, WINDOW


def structural_similarity(images: Tensor, truth: Tensor) -> Tensor:
    """Mean SSIM of images (N, 3, S, S) in [0, 1], as the metric `ssim` defines it: a scalar."""
    mean_x, mean_y, power, product = (
        _windowed(maps) for maps in (images, truth, images**2 + truth**2, images * truth)
    )
    means, squares = mean_x * mean_y, mean_x**2 + mean_y**2
    contrast = (2 * (product - means) + C2) / (power - squares + C2)
    return ((2 * means + C1) / (squares + C1) * contrast).mean()


def _windowed(maps: Tensor) -> Tensor:
    """Average (N, 3, S, S) under every whole window: (N, 3, S - 10, S - 10)."""
    side = maps.shape[-1]
    whole = side - len(WINDOW) + 1
    band = maps.new_zeros(whole, side)  # row r holds the window at places r to r + 10
    for place, weight in enumerate(WINDOW.tolist()):
        band.diagonal(place)[:whole] = weight
    return band @ maps @ band.T
