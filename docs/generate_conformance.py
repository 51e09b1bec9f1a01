"""Write the golden vectors: `python docs/generate_conformance.py`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import leakboard.evaluate.conformance
from leakboard.evaluate.conformance._vectors import StandIn, ours

FOLDER = Path(leakboard.evaluate.conformance.__file__).parent
PIXELWISE = ("l1", "mse", "psnr", "ssim", "lpips")
ATTRIBUTE = (
    "top1",
    "balanced_accuracy",
    "auc",
    "tpr_at_fpr",
    "advantage_over_majority",
    "advantage_over_task_output",
    "worst_group",
)
Arrays = dict[str, NDArray[Any]]


def noise(*shape: int, seed: int) -> NDArray[np.float64]:
    """Evenly spread numbers in [0, 1) from whole numbers alone, the same in any language."""
    numbers = (np.arange(np.prod(shape), dtype=np.uint64) + seed * 2**20) * 2654435761 % 2**32
    mixed = (numbers ^ (numbers >> 15)) * 2246822519 % 2**32
    return ((mixed ^ (mixed >> 13)) % 2**24 / 2**24).reshape(shape)


def images(count: int, size: int) -> NDArray[np.float64]:
    """Ramps and checks with some noise, in [0, 255]."""
    down, across = np.meshgrid(np.arange(size), np.arange(size), indexing="ij")
    ramp = np.stack([across, down, size - across], axis=2) * 180 / size
    checks = ((across // 5 + down // 3) % 2 * 60)[..., None]
    return ramp + checks + noise(count, size, size, 3, seed=1) * 15


def to_bytes(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Round to 8 bits."""
    return np.floor(values.clip(0, 255) + 0.5).astype(np.uint8)


def pair(predicted: NDArray[np.float64], truth: NDArray[np.float64]) -> Arrays:
    """Put reconstructions beside the truth."""
    return {"predicted": to_bytes(predicted), "truth": to_bytes(truth)}


def noisy(count: int, size: int) -> Arrays:
    """Put noise on images, more on each image and on each colour channel."""
    truth = images(count, size)
    strength = 20.0 * (1 + np.arange(count))[:, None, None, None] * [0.5, 1, 4]
    return pair(truth + (noise(*truth.shape, seed=2) - 0.5) * strength, truth)


def one_pixel() -> Arrays:
    """One value of one image is one grey level off."""
    arrays = pair(images(1, 24), images(1, 24))
    arrays["predicted"][0, 12, 12, 1] ^= 1
    return arrays


def guesses(count: int, classes: int, steps: int, present: int) -> Arrays:
    """Guesses that are often right; with few steps many scores are equal."""
    labels = np.floor(noise(count, seed=3) ** 2 * present).astype(np.int64)
    weights = noise(count, classes, seed=4) + np.eye(classes)[labels] * 0.6
    weights = np.floor(weights * steps) + 1
    task = np.floor(noise(count, seed=5) * 2).astype(np.int64)
    return {
        "probabilities": weights / weights.sum(axis=1, keepdims=True),
        "labels": labels,
        "majority": labels == 0,
        "task_output": np.where(task == 0, labels == 0, labels == 1),
        "task": task,
    }


def even(count: int) -> Arrays:
    """Guesses of two classes that have `count` images each."""
    arrays = guesses(2 * count, 2, 2**20, 2)
    labels = np.arange(2 * count) % 2
    odd = noise(2 * count, seed=12) * 0.6 + labels * 0.4
    return arrays | {
        "probabilities": np.stack([1 - odd, odd], axis=1),
        "labels": labels,
        "majority": labels == 0,
        "task_output": labels == arrays["task"],
    }


def certain() -> Arrays:
    """Guesses that are always right."""
    arrays = guesses(60, 3, 1000, 3)
    return arrays | {"probabilities": np.eye(3)[arrays["labels"]]}


def faces() -> Arrays:
    """How alike 60 reconstructions are to each of 30 people; some first places are shared."""
    own = np.arange(60) % 30
    alike = np.floor(noise(60, 30, seed=6) * 40) + np.eye(30)[own] * 18
    return {"similarity": alike / 60, "own": own}


def cases() -> dict[str, tuple[str, Arrays, tuple[str, ...]]]:
    """What each case shows, its arrays, and the metrics it is for."""
    truth = images(2, 24)
    dark = images(2, 24) * 0.4
    grey = np.ones((1, 24, 24, 3))
    return {
        "noise": ("Three images, each with more noise.", noisy(3, 24), PIXELWISE),
        "oblong": (
            "Images need not be square.",
            {name: array[:, :19] for name, array in noisy(2, 32).items()},
            PIXELWISE,
        ),
        "dark": (
            "The brightest pixel is far below 1; the range is 1 all the same.",
            pair(dark + noise(*dark.shape, seed=7) * 12, dark),
            PIXELWISE,
        ),
        "flat": ("Constant images 0.1 apart.", pair(grey * 127.5, grey * 102), PIXELWISE),
        "black and white": ("As far apart as can be.", pair(0 * grey, 255 * grey), PIXELWISE),
        "one pixel": ("One value is one grey level off.", one_pixel(), PIXELWISE),
        "exact copy": ("An exact copy: never inf or NaN.", pair(truth, truth), PIXELWISE),
        "large": ("Large enough for five scales.", noisy(1, 179), (*PIXELWISE, "ms_ssim")),
        "three classes": ("Scores that differ.", guesses(120, 3, 2**20, 3), ATTRIBUTE),
        "ties": ("Many scores are equal.", guesses(120, 3, 3, 3), ATTRIBUTE),
        "two classes": ("1 % is exactly 2 of 200 negatives.", even(200), ATTRIBUTE),
        "absent class": ("No image is of the last class.", guesses(90, 4, 2**20, 3), ATTRIBUTE),
        "certain": ("Every guess is right.", certain(), ATTRIBUTE),
        "faces": ("Whom a judge sees.", faces(), ("rank1", "tar_at_far")),
    }


def judge() -> Arrays:
    """The kernels of the network that stands in for LPIPS, and the weights of its channels."""
    return {
        "first": noise(4, 3, 5, 5, seed=8) - 0.5,
        "second": noise(6, 4, 3, 3, seed=9) - 0.5,
        "of_first": noise(4, 1, 1, seed=10),
        "of_second": noise(6, 1, 1, seed=11),
    }


def vectors() -> tuple[Arrays, str]:
    """Everything that is written: the arrays by name, and the JSON text."""
    kernels = judge()
    arrays = {f"judge/{name}": array for name, array in kernels.items()}
    described = {}
    for name, (shows, given, metrics) in cases().items():
        arrays |= {f"{name}/{argument}": array for argument, array in given.items()}
        expected = {metric: ours(metric, given, StandIn(kernels)) for metric in metrics}
        described[name] = {"shows": shows, "expected": expected}
    return arrays, json.dumps(described, indent=2) + "\n"


if __name__ == "__main__":
    arrays, described = vectors()
    (FOLDER / "vectors.json").write_text(described, "utf-8")
    np.savez_compressed(FOLDER / "vectors.npz", allow_pickle=False, **arrays)
