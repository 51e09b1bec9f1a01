"""Make, train and keep the networks of one release."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ..schemas import Config
from . import defenses
from .client import CLIENT_FILE, NETWORKS_FILE, TASK_FILE, Client, load_weights, save_networks
from .datasets import Dataset
from .defenses import Defense
from .networks import (
    SPLIT_INDEX,
    AttributeAdversary,
    InputAdversary,
    activation_shape,
    seeded,
    split_resnet18,
)
from .splits import Rows
from .training import Networks, TrainingData, train

log = logging.getLogger(__name__)
CHUNK = 4096


@dataclass(frozen=True)
class Players:
    """The trained networks; `proxy_leakage` is the proxy's last accuracy, None without a proxy."""

    client: Client
    task_network: nn.Module
    proxy_leakage: float | None


def trained(folder: Path, config: Config, dataset: Dataset, rows: Rows) -> Players:
    """Train on the `defender` rows, or take up the weights an earlier run left in `folder`."""
    networks = _make(config, dataset)
    client = Client(networks.client, networks.defense)
    facts = folder / NETWORKS_FILE
    if facts.exists():
        log.info("taking up the trained weights of an earlier run")
        load_weights(client, folder / CLIENT_FILE)
        load_weights(networks.task_network, folder / TASK_FILE)
        networks.train(False)
        proxy = json.loads(facts.read_bytes())["proxy_leakage"]
        return Players(client, networks.task_network, proxy)
    proxy = train(_load(config, dataset, rows), networks, config.training, config.seed)
    save_networks(folder, client, networks.task_network, _facts(config, dataset, proxy))
    return Players(client, networks.task_network, proxy)


def _make(config: Config, dataset: Dataset) -> Networks:
    size = config.dataset.size
    with seeded(config.seed):
        layers, task_network = split_resnet18(
            config.client.split_layer, len(dataset.classes(config.dataset.task))
        )
        shape = activation_shape(layers, size)
        defense = defenses.create(config.defense.name, config.defense.options, shape)
        classes = len(dataset.classes(config.dataset.sensitive))
        return Networks(layers, task_network, defense, _adversary(defense, shape, classes, size))


def _adversary(defense: Defense, shape: tuple[int, int, int], classes: int, size: int) -> nn.Module:
    adversary: nn.Module = nn.Identity()
    if defense.adversary == "attribute":
        adversary = AttributeAdversary(shape[0], classes)
    elif defense.adversary == "input":
        adversary = InputAdversary(shape, size)
    return adversary.to(memory_format=torch.channels_last)


def _load(config: Config, dataset: Dataset, rows: Rows) -> TrainingData:
    chunks = np.array_split(rows, max(len(rows) // CHUNK, 1))
    images = np.concatenate([dataset.images(chunk.tolist()) for chunk in chunks])
    labels = dataset.index.labels
    return TrainingData(
        torch.from_numpy(images).permute(0, 3, 1, 2),
        torch.from_numpy(labels[config.dataset.task][rows]),
        torch.from_numpy(labels[config.dataset.sensitive][rows]),
    )


def _facts(config: Config, dataset: Dataset, proxy: float | None) -> dict[str, object]:
    """networks.json: enough to build both networks without the manifest."""
    split_layer = config.client.split_layer
    return {
        "client": {
            "file": Path(CLIENT_FILE).name,
            "network": config.client.network,
            "split_layer": split_layer,
            "split_index": SPLIT_INDEX[split_layer],
            "input": "float32 (N, 3, S, S) in [0, 1]",
            "image_size": config.dataset.size,
            "defense": config.defense.model_dump(mode="json"),
        },
        "task_network": {
            "file": Path(TASK_FILE).name,
            "classes": list(dataset.classes(config.dataset.task)),
            "output": "logits",
        },
        "proxy_leakage": proxy,
    }
