"""One network cut at one layer: what is measured without an attack, and what attacks find."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..evaluate import measure_bound
from ..evaluate.attacks.decoder import Decoder
from ..evaluate.bounds.degrees_of_freedom import DegreesOfFreedom
from ..evaluate.bounds.jacobian import Jacobian
from ..evaluate.fitting import seeded
from ..evaluate.measure import summaries
from ..evaluate.metrics import ReconstructionOutcome
from ..evaluate.metrics.ssim import Ssim
from ..evaluate.reading.records import Records, read_records
from ..evaluate.run import to_uint8
from ..evaluate.scoring.intervals import as_score, estimates
from ..generate import load_client
from ..generate.client import build
from ..schemas import Record, Release, Score
from ..schemas.bounds import Measured
from ..schemas.files import write_text

log = logging.getLogger(__name__)
SEED = 0
CHUNK = 256


@dataclass(frozen=True)
class Effort:
    """How much of everything."""

    limit: int | None  # images of a release
    sketched: int  # images whose Jacobian is sketched
    encoded: int  # images for the degrees of freedom
    attack_images: int
    attack_epochs: int
    attacked: int  # images rebuilt
    members: int  # images for membership, half of them members


class Untrained(Record):
    """The undefended network before its training, cut at one layer."""

    layer: str
    measured: dict[str, Measured]


class Point(Record):
    """One network cut at one layer: what was measured of it, and what attacks found."""

    release: str
    layer: str
    inputs: int
    measured: dict[str, Measured]
    decoder_ssim: Score


def measured_points(
    release: Release, layers: Sequence[str], out: Path, effort: Effort
) -> Iterator[Point]:
    """Take up the points of a release that an earlier run measured, and measure the others."""
    paths = {layer: out / "points" / f"{release.folder.name}-{layer}.json" for layer in layers}
    missing = [layer for layer, path in paths.items() if not path.exists()]
    if missing:
        train = _first(read_records(release, "auxiliary"), effort.attack_images)
        test = _first(read_records(release, "validation"), effort.attacked)
        for layer in missing:
            log.info("%s at %s", release.folder.name, layer)
            write_text(paths[layer], _measured(release, layer, train, test, effort).to_json())
    for path in paths.values():
        yield Point.model_validate_json(path.read_bytes())


def _measured(release: Release, layer: str, train: Records, test: Records, effort: Effort) -> Point:
    asked: dict[str, tuple[int, dict[str, Any]]] = {
        "jacobian": (effort.sketched, {"exact": 0}),
        "degrees_of_freedom": (effort.encoded, {}),
        "membership": (effort.members, {}),
    }
    measured: dict[str, Measured] = {}
    for name, (samples, options) in asked.items():
        measured |= measure_bound(release, name, options, samples, layer=layer).report.measured
    return Point(
        release=release.folder.name,
        layer=layer,
        inputs=test.known("inputs")[0].numel(),
        measured=measured,
        decoder_ssim=_rebuilt(load_client(release.folder, layer), train, test, effort),
    )


def before_training(
    release: Release, layers: Sequence[str], out: Path, effort: Effort
) -> Iterator[Untrained]:
    """Measure the initial weights, which follow from the seed, at every layer."""
    with seeded(release.manifest.seed):
        client, task_network = build(release.manifest)
    client.beside(task_network)
    records = _first(read_records(release, "validation"), effort.encoded)
    inputs, subjects = records.known("inputs"), records.subject or ()
    for layer in layers:
        path = out / "points" / f"untrained-{layer}.json"
        if not path.exists():
            measured: dict[str, Measured] = {}
            for bound, count in ((Jacobian(exact=0), effort.sketched), (DegreesOfFreedom(), None)):
                parts = list(bound.measure(client.at(layer), inputs[:count]))
                values = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
                measured |= summaries(
                    values, bound.quantities, subjects[:count], bound.ranges(values)
                )
            write_text(path, Untrained(layer=layer, measured=measured).to_json())
        yield Untrained.model_validate_json(path.read_bytes())


def _first(records: Records, count: int) -> Records:
    return records.first_queries().select(torch.arange(count))


def _rebuilt(client: Any, train: Records, test: Records, effort: Effort) -> Score:
    """Train a decoder on what the client sends of `train`, and rebuild `test`."""
    decoder = Decoder(epochs=effort.attack_epochs, augment=False, seed=SEED)
    decoder.fit(_sent(client, train))
    rebuilt = to_uint8(decoder.predict(_sent(client, test)))
    truth = test.known("inputs").permute(0, 2, 3, 1).numpy()
    ssim = Ssim()
    statistic = ssim.statistic(ReconstructionOutcome(rebuilt, truth))
    found = estimates({"ssim": statistic}, test.subject or ())["ssim"]
    return as_score("ssim", ssim, found, len(test))


@torch.no_grad()
def _sent(client: Any, records: Records) -> Records:
    """The records with what this client sends of their inputs."""
    generator = torch.Generator().manual_seed(SEED)
    parts = records.known("inputs").split(CHUNK)
    activation = torch.cat([client(part.float() / 255, generator).half() for part in parts])
    facts = records.manifest.client.model_copy(
        update={"activation_shape": tuple(activation.shape[1:])}
    )
    manifest = records.manifest.model_copy(update={"client": facts})
    return replace(records, activation=activation, manifest=manifest)
