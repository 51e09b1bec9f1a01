"""A batch of canvases in head coordinates: shapes are signed distances, painted anti-aliased."""

import numpy as np
from numpy.typing import NDArray

from ._face_shots import Pose
from ._face_traits import Numbers


class Canvas:
    """N images of `size` x `size`, painted back to front.

    x, y   image coordinates in [-1, 1], y downwards
    u, v   head coordinates: the same, moved, turned and scaled with the head
    pixel  the side of a pixel in head coordinates
    rgb    (N, 3, size, size), in [0, 1] until it is lit
    """

    def __init__(self, size: int, pose: Pose) -> None:
        axis = (np.arange(size, dtype=np.float32) + 0.5) * (2 / size) - 1
        self.x, self.y = axis[None, None, :], axis[None, :, None]
        x, y = (self.x - pose.shift_x) / pose.scale, (self.y - pose.shift_y) / pose.scale
        cosine, sine = np.cos(pose.roll), np.sin(pose.roll)
        self.u: Numbers = cosine * x + sine * y
        self.v: Numbers = cosine * y - sine * x
        self.pixel: Numbers = 2 / size / pose.scale
        self.rgb = np.empty((len(pose.scale), 3, size, size), np.float32)

    def cover(self, distance: Numbers, softness: float = 0.0) -> Numbers:
        """How much of each pixel is inside, in [0, 1]; `softness` is the width of the edge."""
        return np.clip(0.5 - distance / np.maximum(self.pixel, softness), 0, 1)

    def paint(self, colour: Numbers, alpha: Numbers) -> None:
        """Blend a colour, one per image or one per pixel, over the pixels by `alpha`."""
        change = colour - self.rgb
        change *= alpha[:, None]
        self.rgb += change

    def levels(self) -> NDArray[np.uint8]:
        """Round to (N, size, size, 3) uint8."""
        levels = np.clip(self.rgb, 0, 1) * 255 + 0.5
        return levels.astype(np.uint8).transpose(0, 2, 3, 1)


def ellipse(u: Numbers, v: Numbers, width: Numbers | float, height: Numbers | float) -> Numbers:
    """Distance to an ellipse about the origin with these half-axes, to first order."""
    a, b = u / width, v / height
    inside = np.sqrt(a * a + b * b)
    a /= width
    b /= height
    slope = np.sqrt(a * a + b * b)
    distance: Numbers = inside * (inside - 1) / np.maximum(slope, 1e-6)
    return distance


def box(u: Numbers, v: Numbers, width: Numbers, height: Numbers, corner: float) -> Numbers:
    """Distance to a rectangle about the origin with these half-sides and rounded corners."""
    a, b = np.abs(u) - (width - corner), np.abs(v) - (height - corner)
    outside = np.sqrt(np.maximum(a, 0) ** 2 + np.maximum(b, 0) ** 2)
    distance: Numbers = outside + np.minimum(np.maximum(a, b), 0) - corner
    return distance


def stroke(u: Numbers, v: Numbers, half_length: float, thickness: Numbers | float) -> Numbers:
    """Distance to a stroke along v = 0 that thins out to its ends.

    For a stroke along v = f(u), pass `v - f(u)`.
    """
    along = u / half_length
    thinning = np.maximum(1 - along * along, 0)
    distance: Numbers = np.maximum(np.abs(v) - thickness * thinning, np.abs(u) - half_length)
    return distance


def wave(phase: Numbers) -> Numbers:
    """A smooth wave of period 1 between 0 and 1."""
    within = phase - np.floor(phase)
    within *= 1 - within
    return 16 * within * within
