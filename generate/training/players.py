"""Make, train and keep the networks of one release."""

import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ...schemas import BadConfig, Config
from ...schemas.files import sha256_of
from ...schemas.manifest import ClientFacts
from .. import defenses
from ..client import CLIENT_FILE, NETWORKS_FILE, TASK_FILE, Client, save_networks
from ..datasets import Dataset
from ..defenses import Defense
from ..networks.networks import (
    AttributeAdversary,
    BothAdversaries,
    InputAdversary,
    activation_shape,
    load_weights,
    seeded,
    split_network,
)
from ..splits import Rows
from .checkpoints import Checkpoints, SharedWeights
from .game import Networks, TrainingData
from .training import train, workers
from .trainings import training_of

log = logging.getLogger(__name__)
CHUNK = 4096


@dataclass(frozen=True)
class Players:
    """The trained networks; `proxy_leakage` is the proxy's last accuracy, None without a proxy."""

    client: Client
    task_network: nn.Module
    facts: ClientFacts
    proxy_leakage: float | None


@dataclass(frozen=True)
class Untrained:
    """The networks of a release before training, and what the manifest says of the client."""

    networks: Networks
    facts: ClientFacts


def untrained(config: Config, dataset: Dataset) -> Untrained:
    """Make the networks; raises where the network cannot be made, cut, or run on the images."""
    table, size = config.client, config.dataset.size
    tasks = len(dataset.classes(config.dataset.task))
    classes = len(dataset.classes(config.dataset.sensitive))
    initial = None if table.weights is None else Path(table.weights)
    with seeded(config.seed):
        network = split_network(table, tasks, initial)
        shape = activation_shape(network, size, tasks)
        defense = defenses.create(config.defense.name, config.defense.options, shape)
        adversary = _adversary(defense, shape, classes, size)
    _refuse_epochs(defense, config)
    network = replace(network, client=defense.prepare(network.client))
    prepared = activation_shape(network, size, tasks)
    if prepared != shape:
        raise BadConfig(
            f"the defense {config.defense.name} was to keep the activation's shape {shape}, but "
            f"what it prepares gives {prepared}; mend its `prepare`"
        )
    facts = ClientFacts(
        network=table.network,
        split_layer=table.split_layer,
        split_index=network.index,
        activation_shape=shape,
        initial_weights=None if initial is None else sha256_of(initial),
        precision=table.precision,
    )
    return Untrained(Networks(network.client, network.task_network, defense, adversary), facts)


def trained(
    folder: Path,
    config: Config,
    dataset: Dataset,
    rows: Rows,
    made: Untrained,
    trainings: Path | None,
) -> Players:
    """Train on the `defender` rows, or take up what an earlier run left in `folder`.

    What is the same in other trainings is shared with them through the folder `trainings`, if there
    is one.
    """
    networks, facts = made.networks, made.facts
    checkpoints = Checkpoints(folder)
    client = Client(networks.client, networks.defense, facts.precision)
    described = folder / NETWORKS_FILE
    if described.exists():
        log.info("taking up the trained weights of an earlier run")
        load_weights(client, folder / CLIENT_FILE)
        load_weights(networks.task_network, folder / TASK_FILE)
        networks.eval()
        checkpoints.discard()
        proxy = json.loads(described.read_bytes())["proxy_leakage"]
        return Players(client, networks.task_network, facts, proxy)
    data, settings = _load(config, dataset, rows), config.training
    shared = _shared(trainings, networks, data, config) if trainings else ()
    proxy = train(data, networks, settings, config.seed, checkpoints, shared)
    networks.defense.finish(networks.client)
    if workers().is_main_process:
        description = _describe(config, dataset, facts, proxy)
        save_networks(folder, client, networks.task_network, description)
        checkpoints.discard()
    return Players(client, networks.task_network, facts, proxy)


def _shared(
    folder: Path, networks: Networks, data: TrainingData, config: Config
) -> tuple[SharedWeights, ...]:
    """The warm-up, which knows nothing of any defense; the whole where some options wait for it."""
    settings = config.training.model_dump(
        include={"warmup_epochs", "batch_size", "learning_rate", "precision"}, mode="json"
    )
    content = (data.images.permute(0, 2, 3, 1).numpy().data, data.task.numpy().data)
    facts = (*content, json.dumps(settings), str(config.seed))
    warm_up = SharedWeights.of(folder, networks, ("client", "task_network"), *facts)
    if not networks.defense.release_options:
        return (warm_up,)
    players = ("client", "task_network", "defense", "adversary")
    more = (data.sensitive.numpy().data, training_of(config))
    return warm_up, SharedWeights.of(folder, networks, players, warm_up.path.name, *more)


def _refuse_epochs(defense: Defense, config: Config) -> None:
    if defense.learns and not config.training.epochs:
        raise BadConfig(
            f"the defense {config.defense.name} learns or measures something while it is trained, "
            "but training.epochs is 0; set it to at least 1"
        )
    nothing = not any(parameter.requires_grad for parameter in defense.parameters())
    if defense.frozen == "pair" and nothing and config.training.epochs:
        raise BadConfig(
            f"the defense {config.defense.name} trains nothing, client and task network included, "
            f"but training.epochs is {config.training.epochs}; set it to 0"
        )


def _adversary(defense: Defense, shape: tuple[int, int, int], classes: int, size: int) -> nn.Module:
    adversary: nn.Module = nn.Identity()
    if defense.adversary == "attribute":
        adversary = AttributeAdversary(shape[0], classes)
    elif defense.adversary == "input":
        adversary = InputAdversary(shape, size)
    elif defense.adversary == "both":
        adversary = BothAdversaries(shape, size, classes)
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


def _describe(
    config: Config, dataset: Dataset, facts: ClientFacts, proxy: float | None
) -> dict[str, object]:
    """networks.json: enough to build both networks without the manifest."""
    return {
        "client": {
            "file": Path(CLIENT_FILE).name,
            "network": facts.network,
            "split_layer": facts.split_layer,
            "split_index": facts.split_index,
            "initial_weights": facts.initial_weights,
            "input": "float32 (N, 3, S, S) in [0, 1]",
            "precision": facts.precision,
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
