"""Scoring reconstructions: 10,000 images of 112 x 112 with l1, PSNR, SSIM and their intervals.

All sides get the same 8-bit images and must agree. The alternatives compare one image in twenty,
and their seconds are scaled; every side draws its 1,000 bootstrap replicates of all 10,000 values.
"""

import time
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray

from ..evaluate.metrics import REGISTRY, ReconstructionOutcome, Values
from ..evaluate.scoring.intervals import estimates
from ..evaluate.threads import threads
from ..schemas import LeakboardError
from ..schemas.resampling import REPLICATES
from . import Case

METRICS = ("l1", "psnr", "ssim")
IMAGES = 10_000
SIZE = 112
SCALED = 20  # the alternatives compare one image in so many
REPEATS = 3  # the fastest counts, on every side
BATCHES = (1, 16)
SAME = {"scikit-image": 1e-9, "torchmetrics": 1e-3}  # it counts the mirrored border, in float32

Pixels = NDArray[np.uint8]
Compare = Callable[[Pixels, Pixels], Values]


def run() -> dict[str, Case]:
    """Score with ours, with a loop over scikit-image and with torchmetrics, in turns."""
    predicted, truth = _images()
    first = _seconds(partial(_score, predicted[:2], truth[:2]))  # compiles, once per process
    alternatives = {"scikit-image": _scikit_image, "torchmetrics": _fastest_torchmetrics()}
    for name, compare in alternatives.items():
        _check(name, compare(predicted[:20], truth[:20]), predicted[:20], truth[:20])
    seconds = dict.fromkeys(("ours", *alternatives), np.inf)
    for _ in range(REPEATS):
        seconds["ours"] = min(seconds["ours"], _seconds(partial(_score, predicted, truth)))
        for name, compare in alternatives.items():
            comparing = _seconds(partial(compare, predicted[::SCALED], truth[::SCALED]))
            drawing = _seconds(partial(_bootstrap, np.zeros((len(METRICS), IMAGES))))
            seconds[name] = min(seconds[name], SCALED * comparing + drawing)
    scaled = f"timed on {IMAGES // SCALED:,} of the {IMAGES:,} images and scaled"
    about = {
        "scikit-image": f"scikit-image in a loop over images, float64, one thread, {scaled}",
        "torchmetrics": f"torchmetrics, float32, its fastest batch and threads, {scaled}",
    }
    ours = f"ours is compiled before, in {first:.1f} s, and {_memory(predicted, truth)}"
    return {
        name: Case.of(seconds["ours"], seconds[name], "s", f"{text}; {ours}", less_is_better=True)
        for name, text in about.items()
    }


def _images(count: int = IMAGES) -> tuple[Pixels, Pixels]:
    """Draw pictures of noise, and the same with up to 31 grey levels more or less."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 256, (count, SIZE, SIZE, 3), np.uint8)
    return truth ^ random.integers(0, 32, truth.shape, np.uint8), truth


def _score(predicted: Pixels, truth: Pixels) -> None:
    outcome = ReconstructionOutcome(predicted, truth)
    statistics = {name: REGISTRY.create(name, {}).statistic(outcome) for name in METRICS}
    estimates(statistics, [f"subject {number}" for number in range(len(truth))])


def _scikit_image(predicted: Pixels, truth: Pixels) -> Values:
    """Compare images one by one, as its documentation does with Wang's window: (3, n)."""
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    def compare(x: Pixels, y: Pixels) -> tuple[float, float, float]:
        similarity = structural_similarity(
            x, y, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
        distance = np.abs(x.astype(np.float64) - y).mean() / 255
        return distance, peak_signal_noise_ratio(y, x), similarity

    return np.array([compare(x, y) for x, y in zip(predicted, truth, strict=True)]).T


def _fastest_torchmetrics() -> Compare:
    """Find the batch and the number of threads with which torchmetrics is fastest here."""
    predicted, truth = _images(16)
    choices = product(BATCHES, sorted({1, torch.get_num_threads()}))
    ways = [partial(_in_batches, batch=batch, count=count) for batch, count in choices]
    return min(ways, key=lambda way: _seconds(partial(way, predicted, truth)))


def _in_batches(predicted: Pixels, truth: Pixels, batch: int, count: int) -> Values:
    """Compare a batch at a time, on `count` threads: (3, n)."""
    from torchmetrics.functional.image import (
        peak_signal_noise_ratio,
        structural_similarity_index_measure,
    )

    def compare(x: torch.Tensor, y: torch.Tensor) -> Values:
        noise = peak_signal_noise_ratio(x, y, 1.0, reduction="none", dim=(1, 2, 3))
        similarity = structural_similarity_index_measure(x, y, data_range=1.0, reduction="none")
        distance = (x - y).abs().mean(dim=(1, 2, 3))
        found = [torch.as_tensor(each) for each in (distance, noise, similarity)]
        return torch.stack(found).double().numpy()

    pairs = zip(_tensors(predicted, batch), _tensors(truth, batch), strict=True)
    with threads(count):
        return np.concatenate([compare(x, y) for x, y in pairs], axis=1)


def _tensors(images: Pixels, batch: int) -> Iterator[torch.Tensor]:
    for part in torch.from_numpy(images).split(batch):
        yield part.permute(0, 3, 1, 2).float() / 255


def _bootstrap(values: Values) -> Values:
    """Draw images with replacement, one replicate after another: the ends of (3, n) values."""
    random, n = np.random.default_rng(0), values.shape[1]
    means = [values[:, random.integers(n, size=n)].mean(axis=1) for _ in range(REPLICATES)]
    return np.asarray(np.quantile(means, [0.025, 0.975], axis=0))


def _check(name: str, found: Values, predicted: Pixels, truth: Pixels) -> None:
    """Stop where an alternative does not compute what ours does."""
    outcome = ReconstructionOutcome(predicted, truth)
    ours = np.stack([REGISTRY.create(metric, {}).per_image(outcome) for metric in METRICS])
    apart = float(np.abs(found - ours).max())
    if apart > SAME[name]:
        raise LeakboardError(f"{name} differs from ours by {apart:.2g}; it computes something else")


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _memory(predicted: Pixels, truth: Pixels) -> str:
    """Say what ours holds at most beside the images, of a tenth of them and of all."""
    held = []
    for count in (IMAGES // 10, IMAGES):
        tracemalloc.start()
        _score(predicted[:count], truth[:count])
        held.append(tracemalloc.get_traced_memory()[1] / 2**20)
        tracemalloc.stop()
    return f"holds {held[0]:.0f} MiB beside {IMAGES // 10:,} images, {held[1]:.0f} beside all"
