"""Likelihood maximisation: image-steps per second of the batch beside one image at a time.

Both sides fit the same generators to the same activations, for the same steps, and must end at the
same loss. Each runs with one thread and with all, and its faster run counts.
"""

import time

import torch
from torch import Tensor

from ..evaluate.image_priors import ImagePriors
from ..evaluate.optimizing import Schedule, optimize
from ..evaluate.scoring.evidence import Evidence
from ..evaluate.threads import threads
from ..generate import Client
from ..generate.datasets.synthetic import Synthetic
from ..generate.defenses import create
from ..generate.networks.networks import activation_shape, seeded, split_network
from ..schemas import LeakboardError
from ..schemas.config import ClientTable
from . import Case

IMAGES = 16
SIZE = 32
CLASSES = 2
SCHEDULE = Schedule(steps=100, learning_rate=0.02)
SAME_LOSS = 0.05  # relative difference of the mean final loss


def run() -> dict[str, Case]:
    """Rebuild 16 faces behind an untrained ResNet-18 client, layer1."""
    client = _client()
    faces = Synthetic(source=None, size=SIZE, images=IMAGES, identities=IMAGES)
    images = torch.from_numpy(faces.images(range(IMAGES))).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        received = client(images)
    ours, loss = _fastest(client, received, together=IMAGES)
    alone, lonely_loss = _fastest(client, received, together=1)
    if abs(loss - lonely_loss) > SAME_LOSS * lonely_loss:
        raise LeakboardError(f"the batch ends at loss {loss:.4g}, one at a time {lonely_loss:.4g}")
    description = (
        f"{IMAGES} images one at a time, {SCHEDULE.steps} steps each, final loss "
        f"{lonely_loss:.4g} (batch: {loss:.4g})"
    )
    return {"one-at-a-time": Case.of(ours, alone, "image-steps/s", description)}


def _client() -> Client:
    with seeded(0):
        network = split_network(ClientTable(), classes=2)
    shape = activation_shape(network, SIZE, classes=2)
    client = Client(network.client, create("none", {}, shape))
    return client.eval().requires_grad_(False)


def _fastest(client: Client, received: Tensor, together: int) -> tuple[float, float]:
    """Image-steps per second with the better number of threads, and the mean final loss."""
    measured = []
    for count in sorted({1, torch.get_num_threads()}):
        with threads(count):
            start = time.perf_counter()
            losses = [
                _fit(client, part, first * together)
                for first, part in enumerate(received.split(together))
            ]
            seconds = time.perf_counter() - start
        measured.append((IMAGES * SCHEDULE.steps / seconds, torch.cat(losses).mean().item()))
    return max(measured)


def _fit(client: Client, received: Tensor, first: int) -> Tensor:
    """Rebuild a batch; returns its final losses (N,)."""
    count = len(received)
    evidence = Evidence(received, torch.ones(received.shape[:2]), torch.arange(count))
    draws = [torch.Generator().manual_seed(first + image) for image in range(count)]

    def distance(images: Tensor) -> Tensor:
        return evidence.distance(client.layers(images))

    return distance(optimize(ImagePriors(draws, SIZE), distance, SCHEDULE))
