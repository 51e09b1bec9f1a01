"""Describe a finished release: measurements, card, manifest (in this order, manifest last)."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from ..schemas import Config, Manifest, Measurements, Utility, fingerprint
from ..schemas.commitments import COMMITMENTS_FILE
from ..schemas.config import Precision
from ..schemas.files import sha256_of, write_text
from ..schemas.manifest import (
    Attribute,
    ClientFacts,
    Commitments,
    DatasetFacts,
    DefenseFacts,
    FileFacts,
    Format,
    Shard,
    SplitFacts,
)
from ..schemas.records import PUBLIC_SPLITS, vectors_to_numpy
from ..schemas.sums import SUMS_FILE, sums
from .client import CLIENT_FILE, NETWORKS_FILE, TASK_FILE
from .datasets import Dataset
from .engine import Engine, batches
from .hub.card import Balance, card
from .hub.croissant import croissant
from .hub.versions import versions
from .measurements import client_cost, utility
from .plan import PlannedRecord
from .training.players import Players
from .writer import Written

RECOMPUTE_TOLERANCE: Mapping[Precision, float] = {  # times 1 + |activation|
    "float32": 2e-3,  # float16 rounds at 5e-4, decoders differ
    "bfloat16": 4e-2,  # rounds at 4e-3 in every layer, processors sum in other orders
}
COMPRESSED = 256  # records whose compressed size is averaged
WEIGHTS = (CLIENT_FILE, TASK_FILE)
DESCRIBED = ("README.md", COMMITMENTS_FILE, "croissant.json", "measurements.json")
UNSHARDED = (*DESCRIBED, NETWORKS_FILE, *WEIGHTS)  # what the manifest lists beside the shards
Planned = Mapping[str, Sequence[PlannedRecord]]


def measure(
    records: Planned, written: Sequence[Written], engine: Engine, players: Players
) -> Measurements:
    """Utility per public split over one record per image, and what the client costs."""
    rows = [record.row for record in records["test"]]
    labels = engine.dataset.index.labels[engine.task][rows]
    size = engine.dataset.size
    sent = [engine.table(batch) for batch in batches(records["validation"][:COMPRESSED])]
    activations = vectors_to_numpy(
        pa.concat_tables(sent).column("activation"), engine.schema.activation_shape
    )
    return Measurements(
        utility={name: _utility(name, records[name], written) for name in PUBLIC_SPLITS},
        cost=client_cost(engine.client, engine.task_network, size, activations),
        proxy_leakage=players.proxy_leakage,
        majority_task_rate=float(np.bincount(labels).max() / len(labels)),
    )


def _utility(split: str, records: Sequence[PlannedRecord], written: Sequence[Written]) -> Utility:
    correct = np.concatenate([one.correct for one in written if one.split == split])
    first = np.array([record.query == 0 for record in records])
    return utility(correct[first], [record.subject for record in records if record.query == 0])


def weight_hashes(tree: Path) -> dict[str, str]:
    """The SHA-256 of each weight file, as the fingerprint takes them."""
    return {path: sha256_of(tree / path) for path in WEIGHTS}


def describe(
    config: Config,
    engine: Engine,
    client: ClientFacts,
    kind: Format,
    shards: Sequence[Shard],
    records: Planned,
    commitments: Commitments,
    weights: Mapping[str, str],
) -> Manifest:
    """Gather the manifest, still without the other files of the tree."""
    dataset, table = engine.dataset, config.dataset
    return Manifest(
        name=config.name,
        config_id=config.config_id,
        seed=config.seed,
        scale=config.scale,
        ranked=config.ranked,
        format=kind,
        dataset=DatasetFacts(
            name=table.name,
            revision=dataset.revision,
            licence=dataset.licence,
            image_size=table.size,
        ),
        task=Attribute(name=table.task, classes=dataset.classes(table.task)),
        sensitive=Attribute(name=table.sensitive, classes=dataset.classes(table.sensitive)),
        client=client,
        defense=DefenseFacts(
            name=config.defense.name,
            options=config.defense.options,
            randomized=engine.client.defense.randomized,
        ),
        recompute_tolerance=RECOMPUTE_TOLERANCE[client.precision],
        splits={name: _split_facts(records[name]) for name in PUBLIC_SPLITS},
        shards=tuple(shards),
        files=(),
        commitments=commitments,
        fingerprint=fingerprint(shards, weights),
        versions=versions(),
        config=config,
    )


def _split_facts(records: Sequence[PlannedRecord]) -> SplitFacts:
    return SplitFacts(
        records=len(records),
        images=len({record.image_id for record in records}),
        subjects=len({record.subject for record in records}),
    )


def balance_of(records: Planned, dataset: Dataset, attributes: Sequence[str]) -> Balance:
    """The share of each class among the auxiliary records."""
    rows = [record.row for record in records["auxiliary"]]
    counts = {
        name: np.bincount(dataset.index.labels[name][rows], minlength=len(dataset.classes(name)))
        for name in attributes
    }
    return {name: (count / len(rows)).tolist() for name, count in counts.items()}


def finish(tree: Path, manifest: Manifest, measured: Measurements, balance: Balance) -> None:
    """Write measurements, cards, list of hashes and manifest into a tree that holds the rest."""
    write_text(tree / "measurements.json", measured.to_json())
    write_text(tree / "README.md", card(manifest, measured, balance))
    seal(tree, manifest)


def seal(tree: Path, manifest: Manifest) -> None:
    """Write what lists the files of a tree: croissant.json, list of hashes, manifest."""
    write_text(tree / "croissant.json", croissant(manifest))
    facts = tuple(FileFacts.of(tree, path) for path in sorted(UNSHARDED))
    complete = manifest.model_copy(update={"files": facts})
    text = complete.to_json()
    write_text(tree / SUMS_FILE, sums(complete, hashlib.sha256(text.encode()).hexdigest()))
    write_text(tree / "manifest.json", text)
