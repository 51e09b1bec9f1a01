"""Do measures without an attack predict what attacks find, over layers and defenses?

Huang et al. (2024) say so of degrees of freedom and Jacobian rank, for membership; their
estimators are not public, so the measures here are our reading. We add reconstruction.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from ..schemas import Release
from ..schemas.config import Scale
from ..schemas.files import write_text
from . import Report, Request
from ._configs import release_of
from ._correlation import Correlation
from ._markdown import chance, spread, table
from ._points import SEED, Effort, Point, Untrained, before_training, measured_points

LAYERS: tuple[str, ...] = ("relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
UNDEFENDED = "cifar10-none"
# Where the networks of a configuration are cut: the defense stays after layer1.
POINTS: Mapping[str, tuple[str, ...]] = {
    UNDEFENDED: LAYERS,
    "cifar10-disco": LAYERS[2:],
    "cifar10-random-pruning": ("layer1",),
    "cifar10-gaussian-noise": ("layer1",),
}
MEASURES = (
    *("rank_1e-2", "stable_rank", "log_volume"),
    *("ridge_1e-1", "participation_ratio", "entropy_rank"),
)
LEAKAGE = ("decoder_ssim", "classifier_auc")
Correlations = Mapping[str, Mapping[str, Correlation]]  # per measure, per leakage
EFFORTS: Mapping[Scale, Effort] = {
    "smoke": Effort(2000, 8, 128, 500, 8, 128, 600),
    "reduced": Effort(None, 16, 256, 4000, 6, 256, 4000),
    "paper": Effort(None, 256, 2000, 18_000, 20, 5000, 36_000),
}


def run(request: Request) -> Report:
    """Measure and attack every point of CIFAR-10; write layers.json and layers.md.

    A release that lies in `out`, and a point that was measured there, is not made again.
    """
    request.refuse_cells("layers")
    source, scale, out = request.source, request.scale, request.out
    effort = EFFORTS[scale]
    points = [
        point
        for name, layers in POINTS.items()
        for point in measured_points(
            release_of(name, source, out / name, effort.limit), layers, out, effort
        )
    ]
    before = list(before_training(Release.open(out / UNDEFENDED), LAYERS, out, effort))
    found = correlations(points)
    report = Report(
        experiment="layers",
        scale=scale,
        seeds=(SEED,),
        versions={name: version(name) for name in ("leakboard", "torch", "scipy")},
        results=_results(points, before, found),
    )
    write_text(out / "layers.json", report.to_json())
    write_text(out / "layers.md", "\n".join(tables(points, before, found)))
    return report


def _results(
    points: Sequence[Point], before: Sequence[Untrained], found: Correlations
) -> dict[str, Any]:
    return {
        "points": [point.model_dump(mode="json") for point in points],
        "untrained": [one.model_dump(mode="json") for one in before],
        "correlations": {
            measure: {leakage: one.model_dump(mode="json") for leakage, one in row.items()}
            for measure, row in found.items()
        },
    }


def correlations(points: Sequence[Point]) -> Correlations:
    """Correlate every measure with every leakage over the points."""
    leakages = {
        "decoder_ssim": np.array([point.decoder_ssim.value for point in points]),
        "classifier_auc": np.array([point.measured["classifier_auc"].value for point in points]),
    }
    return {
        measure: {
            leakage: Correlation.of(
                np.array([point.measured[measure].value for point in points]), found, SEED
            )
            for leakage, found in leakages.items()
        }
        for measure in MEASURES
    }


def tables(
    points: Sequence[Point], before: Sequence[Untrained], found: Correlations
) -> tuple[str, str, str]:
    """Markdown: every point, the same before training, and the correlations."""
    return _profile(points), _beginning(before), _matrix(found)


def _profile(points: Sequence[Point]) -> str:
    """A Markdown table: a row per point, 95 % intervals over subjects."""
    columns = (*MEASURES, "classifier_auc", "loss_auc")
    first = points[0]
    counts = {name: first.measured[name].n for name in columns}
    head = ["release", "cut at", f"decoder SSIM (n = {first.decoder_ssim.n})"]
    head += [f"{name} (n = {count})" for name, count in counts.items()]
    rows = [
        [
            point.release,
            point.layer,
            spread(point.decoder_ssim),
            *(spread(point.measured[name]) for name in columns),
        ]
        for point in points
    ]
    return table(head, rows)


def _beginning(before: Sequence[Untrained]) -> str:
    head = ["before training, cut at", *MEASURES]
    rows = [[one.layer, *(spread(one.measured[name]) for name in MEASURES)] for one in before]
    return table(head, rows)


def _matrix(found: Correlations) -> str:
    n = found[MEASURES[0]][LEAKAGE[0]].n
    head = [f"rank correlation over n = {n} points", *LEAKAGE]
    rows = [
        [name, *(_correlation(row[leakage]) for leakage in LEAKAGE)] for name, row in found.items()
    ]
    return table(head, rows)


def _correlation(one: Correlation) -> str:
    return f"{one.value:+.2f} ({one.low:+.2f} to {one.high:+.2f}), {chance(one.p)}"
