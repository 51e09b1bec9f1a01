"""A release made by hand: no network, no training, every record known."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save_file
from torchmetrics.functional.image.lpips import _LPIPS

from leakboard.schemas import (
    ClientCost,
    Config,
    Manifest,
    Measurements,
    PredictionHeader,
    Predictions,
    RecordSchema,
    Release,
    Setting,
    Track,
    Utility,
    answers,
    default_truth,
    fingerprint,
    public_columns,
)
from leakboard.schemas.files import sha256_of, write_text
from leakboard.schemas.manifest import FileFacts, Shard
from leakboard.schemas.records import RESERVE_COLUMNS, TRUTH_COLUMNS, PublicSplit, vectors_to_arrow
from leakboard.schemas.release import TruthManifest
from leakboard.schemas.shards import content_sha256, shard_path, write_shard

SIZE = 16
SCHEMA = RecordSchema((2, 3, 3), ("no", "yes"), ("a", "b", "c"))
# Two images of each subject; two queries of each test image, as a randomized defense has them.
RECORDS = {"defender": 4, "auxiliary": 24, "validation": 20, "test": 24}
QUERIES = {"defender": 1, "auxiliary": 1, "validation": 1, "test": 2}
CONFIG = {
    "name": "handmade",
    "scale": "smoke",
    "dataset": {"name": "handmade", "task": "smiling", "sensitive": "letter", "size": SIZE},
    "defense": {"name": "gaussian_noise"},
    "training": {"warmup_epochs": 0, "epochs": 0},
}

WritePredictions = Callable[..., Path]


@pytest.fixture(scope="session")
def lpips_network() -> torch.nn.Module:
    """LPIPS as torchmetrics has it: its linear weights, behind an AlexNet that was not trained."""
    torch.manual_seed(0)
    network: torch.nn.Module = _LPIPS(net="alex", pnet_rand=True)
    return network


@pytest.fixture(scope="session")
def lpips_weights(lpips_network: torch.nn.Module, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights of `lpips_network`, in a file as docs/conformance.md makes it."""
    path = tmp_path_factory.mktemp("lpips") / "lpips_alex.safetensors"
    weights = lpips_network.state_dict()
    save_file({key: weights[key] for key in weights if not key.startswith("lins.")}, path)
    return path


@pytest.fixture(scope="session")
def handmade(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """72 records with 3 sensitive classes and 16 x 16 images, and the truth of its test split."""
    return write_release(tmp_path_factory.mktemp("handmade") / "release", seed=0)


@pytest.fixture
def write_predictions(handmade: Release, tmp_path: Path) -> WritePredictions:
    """Write any values for the images of a split of `handmade`; returns the prediction file."""

    def write(
        values: NDArray[Any],
        split: PublicSplit = "validation",
        ids: Sequence[str] | None = None,
        **header: Any,
    ) -> Path:
        track = Track.ATTRIBUTE if values.ndim == 2 else Track.RECONSTRUCTION
        facts = {
            "fingerprint": handmade.manifest.fingerprint,
            "attack": "handmade attack",
            "setting": Setting.AUXILIARY,
            "repeated_queries": True,
            "auxiliary_records": RECORDS["auxiliary"],
            "leakboard_version": "0",
        }
        given = Predictions(
            PredictionHeader.parse(facts | {"split": split, "track": track} | header, "header"),
            asked_ids(handmade, split) if ids is None else ids,
            values,
        )
        pq.write_table(given.to_arrow(), tmp_path / "predictions.parquet")
        return tmp_path / "predictions.parquet"

    return write


def asked_ids(release: Release, split: str) -> list[str]:
    """The ids of the records with query 0, in record order."""
    rows = release.table(split, ("sample_id", "query")).to_pylist()
    return [row["sample_id"] for row in rows if row["query"] == 0]


def write_release(folder: Path, seed: int, asked_again: int = RECORDS["test"]) -> Release:
    """Write a release of which the first `asked_again` test images are asked about repeatedly."""
    random = np.random.default_rng(seed)
    shards = []
    for split in RECORDS:
        table = draw_records(split, random)
        image, query = np.divmod(np.arange(table.num_rows), QUERIES[split])
        table = table.filter(pa.array((query == 0) | (image < asked_again)))
        path = shard_path(split, 0, 1, "parquet")
        public = table.select(public_columns(split))
        write_shard(folder / path, public, SCHEMA)
        shards.append(
            Shard(
                split=split,
                rows=table.num_rows,
                content_sha256=content_sha256(public),
                **file_facts(folder, path),
            )
        )
        if split == "test":
            write_shard(
                default_truth(folder) / "test-00000-of-00001.parquet",
                table.select(TRUTH_COLUMNS),
                SCHEMA,
            )
    write_text(folder / "manifest.json", manifest(shards).to_json())
    write_truth(default_truth(folder), fingerprint(shards, {}))
    write_text(folder / "measurements.json", measurements(folder).to_json())
    return Release.open(folder)


def draw_records(split: str, random: np.random.Generator) -> pa.Table:
    """Records whose task output says something about the sensitive attribute, but not all."""
    queries = QUERIES[split]
    images = RECORDS[split] // queries
    sensitive = random.choice(3, images, p=[0.5, 0.3, 0.2])
    task = np.where(random.random(images) < 0.8, sensitive > 0, sensitive == 0).astype(int)
    arrow = SCHEMA.arrow(RESERVE_COLUMNS)
    logits = np.stack([1 - task, task], axis=1) + random.normal(0, 0.3, (images, 2))
    activation = random.normal(size=(RECORDS[split], 2, 3, 3)).astype(np.float16)
    per_image: dict[str, Sequence[Any]] = {
        "image_id": [random.bytes(16).hex() for _ in range(images)],
        "input": [{"bytes": png(random), "path": None} for _ in range(images)],
        "task": task.tolist(),
        "sensitive": sensitive.tolist(),
        "subject": [f"{split} subject {image // 2}" for image in range(images)],
        "source": [f"{split}/{image}.png" for image in range(images)],
    }
    columns: dict[str, Any] = {
        name: [value for value in values for _ in range(queries)]
        for name, values in per_image.items()
    } | {
        "sample_id": [random.bytes(16).hex() for _ in range(RECORDS[split])],
        "query": np.tile(np.arange(queries), images),
        "activation": vectors_to_arrow(activation, arrow.field("activation")),
        "task_logits": vectors_to_arrow(
            np.repeat(logits, queries, axis=0).astype(np.float32), arrow.field("task_logits")
        ),
    }
    return pa.table([column(columns[field.name], field) for field in arrow], schema=arrow)


def column(values: Any, field: pa.Field) -> pa.Array:
    return values if isinstance(values, pa.Array) else pa.array(values, field.type)


def png(random: np.random.Generator) -> bytes:
    """A colour ramp with some noise: images that resemble their mean, as faces do."""
    across, down = np.meshgrid(np.linspace(0, 200, SIZE), np.linspace(0, 200, SIZE))
    ramp = np.stack([across, down, random.uniform(0, 200) + 0 * across], axis=2)
    buffer = io.BytesIO()
    pixels = (ramp + random.uniform(0, 55, ramp.shape)).astype(np.uint8)
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def file_facts(folder: Path, path: str) -> dict[str, Any]:
    file = folder / path
    return {"path": path, "bytes": file.stat().st_size, "sha256": sha256_of(file)}


def write_truth(folder: Path, release: str) -> None:
    names = [path.name for path in folder.glob("*.parquet")]
    files = tuple(FileFacts(**file_facts(folder, name)) for name in names)
    write_text(folder / "truth.json", TruthManifest(fingerprint=release, files=files).to_json())


def measurements(folder: Path) -> Measurements:
    """The utility that the task logits really have; the rest is of no account here."""
    release = Release.open(folder)
    utility = {}
    for split in ("validation", "test"):
        right = [
            int(np.argmax(row["task_logits"])) == answer["task"]
            for row, answer in zip(
                release.table(split, ("query", "task_logits")).to_pylist(),
                answers(release, split, None).to_pylist(),
                strict=True,
            )
            if row["query"] == 0
        ]
        share = sum(right) / len(right)
        utility[split] = Utility(value=share, low=share, high=share, n=len(right))
    return Measurements(
        utility=utility,
        cost=ClientCost(client_macs=1, client_parameters=1, task_network_macs=1, bytes_sent=36),
        proxy_leakage=None,
        majority_task_rate=0.5,
    )


def manifest(shards: Sequence[Shard]) -> Manifest:
    licence = {"name": "none", "redistributable": True, "citation": ""}
    config = Config.parse(CONFIG, "handmade config")
    return Manifest.parse(
        {
            "name": config.release_name,
            "config_id": config.config_id,
            "seed": 0,
            "scale": "smoke",
            "ranked": False,
            "format": "parquet",
            "dataset": {
                "name": "handmade",
                "revision": "1",
                "licence": licence,
                "image_size": SIZE,
            },
            "task": {"name": "smiling", "classes": SCHEMA.task_classes},
            "sensitive": {"name": "letter", "classes": SCHEMA.sensitive_classes},
            "client": {
                "network": "none",
                "split_layer": "layer1",
                "split_index": 4,
                "activation_shape": SCHEMA.activation_shape,
            },
            "defense": {"name": "gaussian_noise", "options": {}, "randomized": True},
            "recompute_tolerance": 0,
            "splits": {
                split: {"records": count, "images": count, "subjects": count}
                for split, count in RECORDS.items()
            },
            "shards": tuple(shards),
            "files": (),
            "commitments": {"secret": "0" * 64, "truth": "0" * 64},
            "fingerprint": fingerprint(shards, {}),
            "versions": {},
            "config": config,
        },
        "handmade manifest",
    )
