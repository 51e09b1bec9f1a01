"""Known wrong ways to compute a metric, each with the number it gives: to name what went wrong.

Each takes what a function under test is given: images are in [0, 1].
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter, uniform_filter

from ..metrics import Values
from ..metrics.lpips import scaled
from ..metrics.ms_ssim import MsSsim
from ..metrics.psnr import CAP
from ..metrics.ssim import Ssim

Given = Mapping[str, Any]
IMAGES = ("predicted", "truth")


@dataclass(frozen=True)
class Trap:
    """A mistake: what to say of it (`{apart}`: by how much), and the number it gives."""

    says: str
    wrong: Callable[[Given], float]


# Reconstruction track ----------------------------------------------------------------------------


def _differences(given: Given) -> Values:
    differences: Values = given["predicted"] - given["truth"]
    return differences


def _errors(given: Given) -> Values:
    errors: Values = np.square(_differences(given)).mean(axis=(1, 2, 3))
    return errors


def _psnr(given: Given, peak: float | Values) -> float:
    with np.errstate(divide="ignore"):
        return float(np.mean(10 * np.log10(np.square(peak) / _errors(given))))


def _psnr_of_mean(given: Given) -> float:
    return float(-10 * np.log10(max(_errors(given).mean(), 10 ** (-CAP / 10))))


def _wrapped(given: Given) -> float:
    predicted, truth = (np.rint(given[key] * 255).astype(np.uint8) for key in IMAGES)
    return float((predicted - truth).mean())


def _changed(metric: Ssim | MsSsim, change: Callable[[Values], Values], given: Given) -> float:
    """Compare images that were changed first; to `compare`, the data range is 255."""
    return float(metric.compare(change(given["predicted"]), change(given["truth"])).mean())


def _unscaled(images: Values) -> Values:
    return images


def _mirrored(images: Values) -> Values:
    return np.pad(images * 255, ((0, 0), (5, 5), (5, 5), (0, 0)), mode="reflect")


def _grey(images: Values) -> Values:
    return np.repeat((images @ [0.299, 0.587, 0.114] * 255)[..., None], 3, axis=3)


def _own_range(given: Given) -> float:
    spread = max(np.ptp(given[key]) for key in IMAGES) or 1.0
    return _changed(Ssim(), lambda images: images * 255 / spread, given)


def _other_window(
    blur: Callable[[Values], Values], cropped: int, correction: float, given: Given
) -> float:
    """SSIM with another window, or with the covariance of a sample."""
    x, y = given["predicted"], given["truth"]
    mean_x, mean_y = blur(x), blur(y)
    variances = (blur(x * x) - mean_x**2 + blur(y * y) - mean_y**2) * correction
    covariance = (blur(x * y) - mean_x * mean_y) * correction
    luminance = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
    maps = luminance * (2 * covariance + 9e-4) / (variances + 9e-4)
    return float(maps[:, cropped:-cropped, cropped:-cropped].mean())


def _channelwise(given: Given) -> float:
    def channel(number: int) -> float:
        return _changed(MsSsim(), lambda images: images[..., [number] * 3] * 255, given)

    return float(np.mean([channel(number) for number in range(3)]))


def _judged(largest: float, given: Given) -> float:
    """Give the judge images in [0, largest]."""
    pairs = zip(*(given[key] for key in IMAGES), strict=True)
    inputs = ([(scaled(image) + 1) / 2 * largest for image in pair] for pair in pairs)
    return float(np.mean([float(given["judge"](*pair)) for pair in inputs]))


_gaussian = partial(gaussian_filter, sigma=1.5, truncate=3.5, axes=(1, 2))
_uniform = partial(uniform_filter, size=7, axes=(1, 2))

# Attribute track ---------------------------------------------------------------------------------


def _right(given: Given) -> Values:
    right: Values = (given["probabilities"].argmax(axis=1) == given["labels"]).astype(float)
    return right


def _top1(given: Given) -> float:
    return float(_right(given).mean())


def _recalls(given: Given) -> list[float]:
    labels = given["labels"]
    return [float(_right(given)[labels == label].mean()) for label in np.unique(labels)]


def _recall_of_all(given: Given) -> float:
    return float(sum(_recalls(given)) / given["probabilities"].shape[1])


def _per_class(rate: Callable[[Values, Values], float], given: Given) -> float:
    """Average over classes a rate of the scores of positives and of negatives."""
    labels, scores = given["labels"], given["probabilities"].T
    rates = [rate(scores[k][labels == k], scores[k][labels != k]) for k in np.unique(labels)]
    return float(np.mean(rates))


def _won(positives: Values, negatives: Values) -> float:
    return float((positives[:, None] >= negatives).mean())


def _lost(positives: Values, negatives: Values) -> float:
    return float((positives[:, None] > negatives).mean())


def _curve(positives: Values, negatives: Values) -> tuple[Values, Values]:
    thresholds = np.append(np.inf, np.unique([*positives, *negatives])[::-1])
    false, hits = (
        (scores >= thresholds[:, None]).mean(axis=1) for scores in (negatives, positives)
    )
    return false, hits


def _interpolated(positives: Values, negatives: Values) -> float:
    return float(np.interp(0.01, *_curve(positives, negatives)))


def _strictly_below(positives: Values, negatives: Values) -> float:
    false, hits = _curve(positives, negatives)
    return float(hits[false < 0.01].max())


def _groups(given: Given, guess: Values) -> list[float]:
    gains = _right(given) - guess
    return [float(gains[given["task"] == task].mean()) for task in np.unique(given["task"])]


def _first_places(given: Given) -> float:
    similarity, own = given["similarity"], given["own"]
    return float((similarity[range(len(own)), own] == similarity.max(axis=1)).mean())


GREY_LEVELS = "computed on grey levels of 0 to 255; use [0, 1]"
RANGE_255 = "data range 255 on images in [0, 1]"
ACCURACY = "it is the accuracy; the guess is not taken away"

TRAPS: Mapping[str, tuple[Trap, ...]] = {
    "l1": (
        Trap(GREY_LEVELS, lambda given: float(np.abs(_differences(given)).mean() * 255)),
        Trap("differences of 8-bit images wrap around", _wrapped),
        Trap("differences of 8-bit images wrap around", lambda given: _wrapped(given) / 255),
        Trap("differences keep their sign", lambda given: float(_differences(given).mean())),
        Trap("differences are squared", lambda given: float(_errors(given).mean())),
    ),
    "mse": (
        Trap(GREY_LEVELS, lambda given: float(_errors(given).mean() * 255**2)),
        Trap("it is the root of the error", lambda given: float(np.sqrt(_errors(given)).mean())),
    ),
    "psnr": (
        Trap("{apart:.2f} dB too high: peak 255 on images in [0, 1]", lambda g: _psnr(g, 255.0)),
        Trap("it is the PSNR of the mean error; take the mean of each image's", _psnr_of_mean),
        Trap(
            "the peak is the brightest pixel; it is 1",
            lambda given: _psnr(given, given["truth"].max(axis=(1, 2, 3))),
        ),
    ),
    "ssim": (
        Trap(RANGE_255, partial(_changed, Ssim(), _unscaled)),
        Trap("windows across the mirrored border count", partial(_changed, Ssim(), _mirrored)),
        Trap("computed on grey images; average the channels", partial(_changed, Ssim(), _grey)),
        Trap("the data range is that of the images; it is 1", _own_range),
        Trap(
            "uniform 7 x 7 window, covariance of a sample; use the Gaussian, no correction",
            partial(_other_window, _uniform, 3, 49 / 48),
        ),
        Trap(
            "covariance of a sample (times 121/120); use no correction",
            partial(_other_window, _gaussian, 5, 121 / 120),
        ),
    ),
    "ms_ssim": (
        Trap(RANGE_255, partial(_changed, MsSsim(), _unscaled)),
        Trap("computed on grey images; average the channels", partial(_changed, MsSsim(), _grey)),
        Trap("channels are averaged after the product over scales, not before", _channelwise),
    ),
    "lpips": (
        Trap("images reach the network in [0, 1]; it expects [-1, 1]", partial(_judged, 1.0)),
        Trap("images reach the network in [0, 255]; it expects [-1, 1]", partial(_judged, 255.0)),
    ),
    "top1": (Trap("it is the balanced accuracy", lambda given: float(np.mean(_recalls(given)))),),
    "balanced_accuracy": (
        Trap("it is the accuracy; average the classes", _top1),
        Trap("a class without images counts as 0; leave it out", _recall_of_all),
    ),
    "auc": (
        Trap("equal scores count as won; they count half", partial(_per_class, _won)),
        Trap("equal scores count as lost; they count half", partial(_per_class, _lost)),
    ),
    "tpr_at_fpr": (
        Trap("read off between two thresholds; use one", partial(_per_class, _interpolated)),
        Trap("below 1 %; exactly 1 % is allowed", partial(_per_class, _strictly_below)),
    ),
    "advantage_over_majority": (Trap(ACCURACY, _top1),),
    "advantage_over_task_output": (Trap(ACCURACY, _top1),),
    "worst_group": (
        Trap("it is the group that leaks least", lambda g: min(_groups(g, g["task_output"]))),
        Trap(
            "it is the mean of the groups", lambda g: float(np.mean(_groups(g, g["task_output"])))
        ),
        Trap(ACCURACY, lambda given: max(_groups(given, np.zeros(len(given["task"]))))),
    ),
    "rank1": (Trap("a shared first place counts fully; with k others, 1/(k + 1)", _first_places),),
}
