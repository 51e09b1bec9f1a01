"""Measure a bound on the images of a release: summaries with intervals, beside the utility.

Legend: N samples, B bootstrap replicates.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from ..generate import load_client
from ..schemas import NoBound, Release, Utility, answers
from ..schemas.bounds import BoundReport, Measured, Measurement, Quantity, ReleaseBounds
from ..schemas.floors import ONCE, REPEATED
from ..schemas.records import PublicSplit
from ..schemas.resampling import Interval
from .bounds import REGISTRY, Bound, Sampled, Values
from .gallery import write_png
from .metrics import Statistic, mean_of
from .reading.images import decode_images
from .scoring.intervals import estimates

SEED = 2021  # of the noise under which the utility is measured
CHUNK_IMAGES = 256
PICTURED = 8
STOPPED = "not measured: the run was stopped before"


def measure_bounds(
    release: Release,
    chosen: Mapping[str, Mapping[str, Any]],
    samples: int = 256,
    split: PublicSplit = "validation",
    truth: Path | None = None,
    layer: str | None = None,
) -> ReleaseBounds:
    """Measure bounds, given by name with their options, as `measure_bound` does one.

    Those that say nothing about the defense are listed with their reason. When the user stops one,
    what is done is kept, and those after it are listed as not measured.
    """
    measured: list[Measurement] = []
    says_nothing: dict[str, str] = {}
    for name, options in chosen.items():
        if (measured and measured[-1].report.stopped) or STOPPED in says_nothing.values():
            says_nothing[name] = STOPPED
            continue
        try:
            measured.append(measure_bound(release, name, options, samples, split, truth, layer))
        except NoBound as reason:
            says_nothing[name] = str(reason)
        except KeyboardInterrupt:
            if not measured:
                raise
            says_nothing[name] = STOPPED
    return ReleaseBounds(
        fingerprint=release.manifest.fingerprint,
        split=split,
        measured=tuple(measured),
        says_nothing=says_nothing,
    )


def measure_bound(
    release: Release,
    name: str,
    options: Mapping[str, Any],
    samples: int = 256,
    split: PublicSplit = "validation",
    truth: Path | None = None,
    layer: str | None = None,
) -> Measurement:
    """Measure the bound `name` on the first `samples` images of a split, or on all it has.

    With `layer` the network is cut after another block than where the release is split.
    The inputs of `test` come from `truth`. When the user stops the run, what is done is kept, and
    reported with its n. `NoBound` where the bound says nothing about the defense.
    """
    bound: Bound = REGISTRY.create(name, options)
    client = load_client(release.folder, layer)
    splits = bound.splits or (split,)
    sampled = _sampled(release, splits, samples, truth)
    bound.sampled = sampled
    measured = _measure(bound.measure(client, sampled.inputs), len(sampled.inputs), name)
    n = len(next(iter(measured.values())))
    subjects, correct = sampled.subjects[:n], _correct(bound, client, sampled, n)
    cut, assumes = release.manifest.client.split_layer, bound.assumes(client)
    report = BoundReport(
        release=release.manifest.name,
        fingerprint=release.manifest.fingerprint,
        bound=name,
        options=dict(options),
        splits=splits,
        layer=layer or cut,
        asked=len(sampled.inputs),
        n=n,
        assumes=assumes,
        utility=_utility(correct, subjects),
        measured=summaries(measured, bound.quantities, subjects, bound.ranges(measured)),
        as_released=not assumes and layer in (None, cut),
        leakboard_version=version("leakboard"),
    )
    return Measurement(report=report, floors=_floors(measured, sampled.sample_ids))


def _floors(measured: Values, sample_ids: Sequence[str]) -> dict[str, dict[str, float]]:
    return {
        key: dict(zip(sample_ids, measured[key].tolist(), strict=False))  # fewer where stopped
        for key in (ONCE, REPEATED)
        if key in measured
    }


def _sampled(
    release: Release, splits: Sequence[PublicSplit], samples: int, truth: Path | None
) -> Sampled:
    """The first images of each split, as many of each, `samples` in all where there are."""
    share = samples // len(splits)
    tables = [_first_images(answers(release, split, truth), share) for split in splits]
    fewest = min(table.num_rows for table in tables)
    chosen = pa.concat_tables([table.slice(0, fewest) for table in tables])
    return Sampled(
        splits=[split for split in splits for _ in range(fewest)],
        inputs=decode_images(chosen.column("input")),
        task=torch.from_numpy(chosen.column("task").to_numpy().copy()),
        subjects=chosen.column("subject").to_pylist(),
        sample_ids=chosen.column("sample_id").to_pylist(),
    )


def _first_images(table: pa.Table, samples: int) -> pa.Table:
    """One record per image, in record order, which the organiser's secret decided."""
    return table.filter(pc.equal(table.column("query"), 0)).slice(0, samples)


def _measure(parts: Iterator[Values], asked: int, name: str) -> dict[str, NDArray[np.float64]]:
    """Join what a bound yields; Ctrl-C ends it early, unless nothing was yielded yet."""
    done: list[Values] = []
    with tqdm(total=asked, desc=name, unit="samples", disable=None, leave=False) as bar:
        try:
            for part in parts:
                done.append(part)
                bar.update(len(next(iter(part.values()))))
        except KeyboardInterrupt:
            if not done:
                raise
    return {key: np.concatenate([part[key] for part in done]) for key in done[0]}


EVERYWHERE = (-math.inf, math.inf)
Ranges = Mapping[str, tuple[float, float]]
ANY: Ranges = {}


def summaries(
    measured: Values,
    quantities: Mapping[str, Quantity],
    subjects: Sequence[str],
    ranges: Ranges = ANY,
) -> dict[str, Measured]:
    """Summarise each quantity over N samples; the intervals are bootstrapped over subjects.

    An interval ends where a quantity's range does.
    """
    if set(measured) != set(quantities):
        raise ValueError(f"expected the quantities {set(quantities)}, but got {set(measured)}")
    names = np.asarray(subjects)
    known = {key: ~np.isnan(values) for key, values in measured.items()}
    found = {
        key: _summary(quantities[key], values[known[key]], names[known[key]].tolist())
        for key, values in measured.items()
        if known[key].any()
    }
    return {key: _within(one, ranges.get(key, EVERYWHERE)) for key, one in found.items()}


def _within(one: Measured, ends: tuple[float, float]) -> Measured:
    low, high = np.clip((one.low, one.high), *ends).tolist()
    return one.model_copy(update={"low": low, "high": high})


def _rank(values: NDArray[np.float64], share: float) -> Statistic:
    """The rank of the smallest value that `share` of the weight does not exceed.

    The bootstrap is of ranks, not of values, because a value may be infinite.

    >>> _rank(np.array([3.0, 1.0, 2.0]), 0.5)(np.array([[1.0, 1.0, 1.0], [9.0, 1.0, 1.0]]))
    array([1., 2.])
    """
    order = values.argsort(kind="stable")

    def rank(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        total = weights[:, order].cumsum(axis=1)
        ranks: NDArray[np.float64] = (total >= share * total[:, -1:]).argmax(axis=1).astype(float)
        return ranks

    return rank


def mean(values: NDArray[np.float64], subjects: Sequence[str]) -> Interval:
    """The mean of finite values with its 95 % interval over subjects."""
    return estimates({"mean": mean_of(values)}, subjects)["mean"]


def median(values: NDArray[np.float64], subjects: Sequence[str]) -> Interval:
    """The median of values, some of which may be infinite, with its 95 % interval."""
    rank = estimates({"rank": _rank(values, 0.5)}, subjects)["rank"]
    ends = (int(rank.value), math.floor(rank.low), math.ceil(rank.high))
    ordered = np.sort(values)
    return Interval(*(float(ordered[end]) for end in ends))


def _summary(quantity: Quantity, values: NDArray[np.float64], subjects: Sequence[str]) -> Measured:
    ordered = np.sort(values)
    everyone = np.ones((1, len(values)))

    def quartile(share: float) -> float:
        return float(ordered[int(_rank(values, share)(everyone)[0])])

    found = (mean if quantity.summary == "mean" else median)(values, subjects)
    return Measured(
        quantity=quantity,
        value=found.value,
        low=found.low,
        high=found.high,
        lower_quartile=quartile(0.25),
        upper_quartile=quartile(0.75),
        infinite=int(np.isinf(values).sum()),
        n=len(values),
    )


def draw_bound(
    release: Release,
    name: str,
    options: Mapping[str, Any],
    folder: Path,
    split: PublicSplit = "validation",
    truth: Path | None = None,
    layer: str | None = None,
) -> None:
    """Write the bound's pictures of a few images into `folder`, as PNG files.

    The images themselves stand beside them where their licence lets them be shown.
    """
    bound: Bound = REGISTRY.create(name, options)
    inputs = decode_images(_first_images(answers(release, split, truth), PICTURED).column("input"))
    for file, pixels in bound.pictures(load_client(release.folder, layer), inputs).items():
        write_png(folder / f"{name}-{file}.png", pixels)
    if release.manifest.dataset.licence.redistributable:
        for row, image in enumerate(inputs.permute(0, 2, 3, 1).numpy()):
            write_png(folder / f"{row}-input.png", image)


@torch.no_grad()
def _correct(bound: Bound, client: Any, sampled: Sampled, n: int) -> NDArray[np.bool_]:
    inputs, labels = sampled.inputs[:n], sampled.task[:n]
    generator = torch.Generator().manual_seed(SEED)
    sent = bound.sent(client, inputs.float() / 255, generator)
    logits = torch.cat([client.task_network(part) for part in sent.split(CHUNK_IMAGES)])
    right: NDArray[np.bool_] = (logits.argmax(dim=1) == labels).numpy()
    return right


def _utility(correct: NDArray[np.bool_], subjects: Sequence[str]) -> Utility:
    found = mean(correct.astype(np.float64), subjects)
    return Utility(value=found.value, low=found.low, high=found.high, n=len(correct))
