"""Learned perceptual image patch similarity."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

from ...schemas import CorruptData, Direction, SchemaMismatch, Track
from ..threads import threads
from . import Images, MeanMetric, ReconstructionOutcome, Values, to_grey_levels

WEIGHTS = Path.home() / ".leakboard" / "lpips_alex.safetensors"
SMALLEST = 31  # pixels: below, AlexNet's second pooling has nothing left
# The convolutions of AlexNet (Krizhevsky 2014): place in the network, shape of the weights, stride,
# padding. The second and third follow a 3 x 3 maximum of stride 2.
CONVOLUTIONS = (
    ("slice1.0", (64, 3, 11, 11), 4, 2),
    ("slice2.3", (192, 64, 5, 5), 1, 2),
    ("slice3.6", (384, 192, 3, 3), 1, 1),
    ("slice4.8", (256, 384, 3, 3), 1, 1),
    ("slice5.10", (256, 256, 3, 3), 1, 1),
)
POOLED = ("slice2.3", "slice3.6")
SHIFT = torch.tensor([-0.030, -0.088, -0.188])[:, None, None]  # what is common to photographs,
SCALE = torch.tensor([0.458, 0.448, 0.450])[:, None, None]  # in [-1, 1]

Weights = Mapping[str, Tensor]


class Lpips(MeanMetric[ReconstructionOutcome]):
    """Distance of AlexNet's features (Zhang et al. 2018, LPIPS 0.1, net `alex`).

    The weights are not part of Leakboard: they are read from a safetensors file in the home folder
    (docs/conformance.md says how to make it), and nothing is ever downloaded. Images reach the
    network in [-1, 1].
    """

    track = Track.RECONSTRUCTION
    direction = Direction.LOWER_LEAKS_MORE
    range = (0.0, np.inf)

    def lacks(self, outcome: ReconstructionOutcome) -> str | None:
        """The weights must be there, and the images large enough for AlexNet."""
        height, width = outcome.truth.shape[1:3]
        if not WEIGHTS.is_file():
            return (
                f"lpips needs its weights, {WEIGHTS.name} in the folder .leakboard of your home; "
                "docs/conformance.md says how to make them"
            )
        if min(height, width) < SMALLEST:
            return (
                f"lpips needs images of at least {SMALLEST} x {SMALLEST} pixels, "
                f"but these are {height} x {width}"
            )
        return None

    def per_image(self, outcome: ReconstructionOutcome) -> Values:
        """Compare one pair at a time, in one thread, so that no bit depends on its company."""
        weights = read_weights(WEIGHTS)
        pairs = zip(outcome.predicted, outcome.truth, strict=True)
        with threads(1):
            distances = [_distance(scaled(a), scaled(b), weights) for a, b in pairs]
        return np.array(distances)


def read_weights(path: Path) -> Weights:
    """Read the convolutions and the layers' linear weights; says what is wrong with the file."""
    try:
        weights = load_file(path)
    except SafetensorError as problem:
        raise CorruptData(f"{path} is not a safetensors file: {problem}") from None
    for name, shape in _expected().items():
        found = tuple(weights[name].shape) if name in weights else "nothing"
        if found != shape:
            raise SchemaMismatch(
                f"{path}: expected {name} of shape {shape}, but got {found}; "
                "docs/conformance.md says how to make the file"
            )
    return weights


def _expected() -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for layer, (name, shape, _, _) in enumerate(CONVOLUTIONS):
        shapes[f"net.{name}.weight"] = shape
        shapes[f"net.{name}.bias"] = shape[:1]
        shapes[f"lin{layer}.model.1.weight"] = (1, shape[0], 1, 1)
    return shapes


def scaled(image: Images) -> Tensor:
    """Bring an image (S, S, 3) to what the network is given: (1, 3, S, S) in [-1, 1]."""
    levels = np.empty(image.shape)
    to_grey_levels(image, levels)
    return torch.from_numpy(levels / 127.5 - 1).float().permute(2, 0, 1)[None]


def _distance(first: Tensor, second: Tensor, weights: Weights) -> float:
    linear = [weights[f"lin{layer}.model.1.weight"][0] for layer in range(len(CONVOLUTIONS))]
    features = _features((torch.cat([first, second]) - SHIFT) / SCALE, weights)
    return perceptual_distance(features, linear)


def _features(images: Tensor, weights: Weights) -> Iterator[Tensor]:
    for name, _, stride, padding in CONVOLUTIONS:
        if name in POOLED:
            images = functional.max_pool2d(images, kernel_size=3, stride=2)
        kernel, bias = weights[f"net.{name}.weight"], weights[f"net.{name}.bias"]
        images = functional.conv2d(images, kernel, bias, stride, padding).relu()
        yield images


def perceptual_distance(features: Iterator[Tensor], linear: Sequence[Tensor]) -> float:
    """Compare the features of two images, eq. (1) of Zhang et al. 2018, in float64.

    features  per layer (2, C, H, W)    linear  per layer (C, 1, 1), the weight of each channel
    """
    total = 0.0
    for layer, weight in zip(features, linear, strict=True):
        layer = layer.double()
        unit = layer / (layer.square().sum(dim=1, keepdim=True) + 1e-8).sqrt()
        total += float((weight.double() * (unit[0] - unit[1]).square()).sum(dim=0).mean())
    return total
