"""Golden vectors: small inputs, the same for everybody, and what each metric is of them.

`vectors.npz` holds the arrays as `case/argument`, `vectors.json` what they show and the expected
values. `docs/generate_conformance.py` wrote both.

Legend: N images, S image side in pixels, K classes, G people.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ..judging.identity import Identity
from ..metrics import (
    REGISTRY,
    AttributeOutcome,
    Metric,
    ReconstructionOutcome,
    Values,
)
from ..metrics.lpips import perceptual_distance, scaled

Arrays = Mapping[str, NDArray[Any]]
TOLERANCE = 1e-6
WIDER = {"ssim": 1e-5, "ms_ssim": 1e-5, "lpips": 1e-5}  # where others compute in float32


@dataclass(frozen=True)
class Case:
    """One golden vector.

    arrays    the arguments by name, as a function under test gets them
    shows     what it is there for, in one sentence
    expected  the value of each metric that it is for
    """

    name: str
    arrays: Arrays
    shows: str
    expected: Mapping[str, float]


class StandIn:
    """A small network in the place of LPIPS: `judge(first, second)` says how far apart images are.

    It takes (N, 3, S, S) in [-1, 1], as the published networks do, and returns (N,).
    """

    def __init__(self, kernels: Arrays) -> None:
        self.kernels = [torch.from_numpy(kernels[name]).float() for name in ("first", "second")]
        self.linear = [torch.from_numpy(kernels[f"of_{name}"]) for name in ("first", "second")]

    def __call__(self, first: Tensor, second: Tensor) -> Tensor:
        """Compare two batches of images."""
        pairs = zip(first.float(), second.float(), strict=True)
        return torch.tensor(
            [perceptual_distance(self._features(torch.stack(pair)), self.linear) for pair in pairs]
        )

    def _features(self, images: Tensor) -> Iterator[Tensor]:
        for kernel in self.kernels:
            images = (functional.conv2d(images, kernel, stride=2) + 0.1).relu()
            yield images


def read_vectors() -> tuple[list[Case], StandIn]:
    """Read the vectors that came with the package, and the judge that goes with them."""
    folder = files(__package__)
    described = json.loads((folder / "vectors.json").read_text("utf-8"))
    arrays: dict[str, dict[str, NDArray[Any]]] = {}
    with (folder / "vectors.npz").open("rb") as stream:
        for key, array in np.load(stream, allow_pickle=False).items():
            case, _, argument = key.partition("/")
            arrays.setdefault(case, {})[argument] = array
    cases = [
        Case(name, arrays[name], facts["shows"], facts["expected"])
        for name, facts in described.items()
    ]
    return cases, StandIn(arrays["judge"])


def arguments(arrays: Arrays, judge: StandIn) -> dict[str, Any]:
    """Make what a function under test gets, each its own copy: images in [0, 1], and the judge."""
    given: dict[str, Any] = {
        name: array / 255 if array.dtype == np.uint8 else array.copy()
        for name, array in arrays.items()
    }
    return given | ({"judge": judge} if "predicted" in given else {})


def ours(name: str, arrays: Arrays, judge: StandIn) -> float:
    """Compute a metric with our own code."""
    if name == "lpips":
        pairs = zip(arrays["predicted"], arrays["truth"], strict=True)
        return float(np.mean([judge(scaled(a), scaled(b)).item() for a, b in pairs]))
    metric: Metric[Any] = REGISTRY.create(name, {})
    outcome = _outcome(arrays)
    return float(metric.statistic(outcome)(np.ones((1, len(outcome))))[0])


def _outcome(arrays: Arrays) -> AttributeOutcome | ReconstructionOutcome:
    if "probabilities" in arrays:
        return AttributeOutcome(**arrays)
    if "similarity" in arrays:
        everyone = np.ones(len(arrays["own"]), bool)
        identity = Identity(arrays["similarity"], arrays["own"], everyone)
        unseen: Values = np.zeros((len(everyone), 1, 1, 3))
        return ReconstructionOutcome(unseen, unseen, identity)
    return ReconstructionOutcome(arrays["predicted"], arrays["truth"])
