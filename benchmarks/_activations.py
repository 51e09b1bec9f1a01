"""What the benchmarks read and write: activations of an untrained client on synthetic faces."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..generate.client import Client
from ..generate.datasets.synthetic import Synthetic
from ..generate.defenses import create
from ..generate.engine import to_float16, to_unit_range
from ..generate.networks.networks import activation_shape, seeded, split_network
from ..generate.noise import RecordNoise
from ..schemas.config import ClientTable

BATCH = 64


def client(size: int, defense: str, options: Mapping[str, Any]) -> Client:
    """A ResNet-18 client for `size` pixels, split after layer1, with seeded weights."""
    with seeded(0):
        network = split_network(ClientTable(), classes=2)
    shape = activation_shape(network, size, classes=2)
    made = Client(network.client, create(defense, options, shape))
    return made.eval().requires_grad_(False)


def activations(
    defense: str, options: Mapping[str, Any], count: int, size: int = 112
) -> NDArray[np.float16]:
    """What the client sends for `count` faces: (count, C, H, W) float16."""
    sender = client(size, defense, options)
    faces = Synthetic(source=None, size=size, images=count, identities=count)
    parts = []
    for start in range(0, count, BATCH):
        rows = range(start, min(start + BATCH, count))
        sent = sender(to_unit_range(faces.images(rows)), RecordNoise(list(rows)))
        parts.append(to_float16(sent).numpy())
    return np.concatenate(parts)
