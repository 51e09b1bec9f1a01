"""Metrics: how far predictions agree with the truth, each with its direction and range.

A new metric is one new file in this folder: `top1.py` defines the class `Top1`. The first line of
its docstring is what the leaderboard says about it. A metric that is a mean over images subclasses
`MeanMetric` or `ReconstructionMetric` and says what one image contributes; any other subclasses
`Metric` and says what it is under image weights, which is all the bootstrap needs.

Everything is computed in float64, several images at a time in threads, by code that lets go of the
interpreter while it computes; torch's own threads would only fight over them. An image never
depends on its neighbours, so neither threads nor row order change a bit of its value.

Legend: N images, B bootstrap replicates, K classes, S image side in pixels.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...schemas import Direction, Registry, Track
from ...schemas.scores import HEADLINE
from ..judging.identity import Identity

REGISTRY = Registry("metric", __name__, "Metric")
CHUNK_VALUES = 2**17  # compared in one step: few waits for the interpreter, mostly in the cache
STEPS = 8  # that a thread takes before it asks for more
THREADS = os.cpu_count() or 1

Values = NDArray[np.float64]
Images = NDArray[Any]  # (N, S, S, 3), uint8 or floating point in [0, 1]
# From weights (B, N), how often each replicate drew each image, to a number per replicate (B,);
# NaN for a replicate in which the metric is undefined.
Statistic = Callable[[Values], Values]


@dataclass(frozen=True)
class AttributeOutcome:
    """Predicted class probabilities beside the true classes, and what the trivial guesses get.

    probabilities  N K    labels  N int64    majority, task_output  N bool: that guess is right
    task  N int64: the true task class, which groups the images
    """

    probabilities: NDArray[np.floating[Any]]
    labels: NDArray[np.int64]
    majority: NDArray[np.bool_]
    task_output: NDArray[np.bool_]
    task: NDArray[np.int64]

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.labels)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the most probable class is the true one; ties go to the first class."""
        right: NDArray[np.bool_] = self.probabilities.argmax(axis=1) == self.labels
        return right


@dataclass(frozen=True)
class ReconstructionOutcome:
    """Reconstructed images beside the inputs they should show, and whom a judge sees in them."""

    predicted: Images
    truth: Images
    identity: Identity | None = None

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.truth)

    @cached_property
    def errors(self) -> Values:
        """Mean absolute and mean squared difference of each image in [0, 1]: (2, N)."""
        return over_images(self, _errors)  # l1, MSE and PSNR look at the images once


Outcome = TypeVar("Outcome", bound=Sized)


class Metric(ABC, Generic[Outcome]):
    """A number for a set of images.

    track      which predictions it judges
    direction  which end of the range means more leakage
    range      smallest and largest value it can take
    version    raised whenever the same predictions would get another number
    """

    track: ClassVar[Track]
    direction: ClassVar[Direction] = Direction.HIGHER_LEAKS_MORE
    range: ClassVar[tuple[float, float]]
    version: ClassVar[int] = 1

    def lacks(self, outcome: Outcome) -> str | None:
        """Say what is lacking to judge these images; None, the default, where nothing is."""
        return None

    def counted(self, outcome: Outcome) -> int:
        """Say over how many images it is: the n of the score; by default all of them."""
        return len(outcome)

    @abstractmethod
    def statistic(self, outcome: Outcome) -> Statistic:
        """Prepare the metric of these images as a function of image weights."""

    def cautious(self, outcome: Outcome) -> Statistic | None:
        """Prepare what the low end of the interval is taken from too, where that is lower.

        None, the default, where replicates of the metric lie about it as it lies about the truth.
        """
        return None


class MeanMetric(Metric[Outcome]):
    """A metric that is the mean of what each image contributes."""

    @abstractmethod
    def per_image(self, outcome: Outcome) -> Values:
        """Say what each image contributes: (N,)."""

    def statistic(self, outcome: Outcome) -> Statistic:
        """Weight the images' contributions."""
        return mean_of(self.per_image(outcome))


def mean_of(values: Values) -> Statistic:
    """The mean of what images contribute (N,), as a function of image weights."""
    low, high = values.min(), values.max()

    def mean(weights: Values) -> Values:
        means: Values = (weights * values).sum(axis=1) / weights.sum(axis=1)
        return means.clip(low, high)  # mends rounding: a constant's mean is that constant

    return mean


class ReconstructionMetric(MeanMetric[ReconstructionOutcome]):
    """A comparison of each reconstruction with its input, then the mean over images."""

    track = Track.RECONSTRUCTION

    @abstractmethod
    def compare(self, predicted: Values, truth: Values) -> Values:
        """Compare images (n, S, S, 3) in grey levels, 0 to 255, with each other: (n,).

        8-bit images are whole numbers there, so that sums of differences and products are exact.
        Both arrays may be overwritten.
        """

    def per_image(self, outcome: ReconstructionOutcome) -> Values:
        """Compare all images."""
        return over_images(outcome, self.compare)


def over_images(
    outcome: ReconstructionOutcome, compare: Callable[[Values, Values], Values]
) -> Values:
    """Compare a few images (n, S, S, 3) in grey levels at a time, as `compare` does: (…, N).

    Memory does not grow with the number of images, but for the values.
    """
    count, shape = len(outcome), outcome.truth.shape[1:]
    step = max(1, CHUNK_VALUES // outcome.truth[0].size)

    def compare_some(first: int) -> Values:
        levels = np.empty((2, step, *shape))
        values = []
        for start in range(first, min(first + STEPS * step, count), step):
            part = slice(start, min(start + step, count))
            predicted, truth = levels[:, : part.stop - start]
            to_grey_levels(outcome.predicted[part], predicted)
            to_grey_levels(outcome.truth[part], truth)
            values.append(compare(predicted, truth))
        return np.concatenate(values, axis=-1)

    with ThreadPoolExecutor(THREADS) as pool:
        return np.concatenate(list(pool.map(compare_some, range(0, count, STEPS * step))), axis=-1)


def _errors(predicted: Values, truth: Values) -> Values:
    differences = np.subtract(predicted, truth, out=predicted)
    squared = np.square(differences, out=truth).mean(axis=(1, 2, 3)) / 255**2
    absolute = np.abs(differences, out=differences).mean(axis=(1, 2, 3)) / 255
    return np.stack([absolute, squared])


def to_grey_levels(images: Images, levels: Values) -> None:
    """Fill `levels`, of the same shape, with images in [0, 1] times 255 or with 8-bit images."""
    np.copyto(levels, images)
    if images.dtype != np.uint8:
        levels *= 255


def metrics_of(track: Track) -> dict[str, Metric[Any]]:
    """Make every metric of a track, the one it is ranked by first."""
    metrics = {name: REGISTRY.create(name, {}) for name in REGISTRY.names()}
    ordered = sorted(metrics, key=lambda name: name != HEADLINE[track])
    return {name: metrics[name] for name in ordered if metrics[name].track is track}
