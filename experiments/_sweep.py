"""Sweep the noise: what an unbiased attacker cannot do beside what a trained one does.

Legend: N images of C channels, side S; d features; K classes.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from tqdm import tqdm

from ..evaluate.bounds._exact import exactly
from ..evaluate.bounds._gaussian import GREY_LEVELS, rms
from ..evaluate.bounds.fisher import Fisher
from ..evaluate.bounds.hcr import Hcr, floors, perturbed, summary
from ..evaluate.fitting import seeded
from ..evaluate.measure import summaries
from ..evaluate.scoring.intervals import estimates
from ..schemas import Direction, Record, Utility
from ..schemas.bounds import Measured, Quantity
from ..schemas.floors import REPEATED
from ._small_nets import descend

DRAWS = 4  # noisy copies of each test image, for the accuracy
CHUNK = 256

QUANTITIES = {
    **{name: one for name, one in Hcr.quantities.items() if name != REPEATED},
    "fisher_floor": Fisher.quantities["rmse_floor"],
    "decoder_rmse": Quantity(
        unit="grey levels",
        direction=Direction.LOWER_LEAKS_MORE,
        meaning="root mean square error of a trained decoder, which is biased, on the same images",
    ),
    "mean_image_rmse": Quantity(
        unit="grey levels",
        direction=Direction.LOWER_LEAKS_MORE,
        meaning="that of the mean training image, which needs no features",
    ),
}


@dataclass(frozen=True)
class System:
    """A trained client and task network, and images: to train attackers on, and to attack.

    train, test  N C S S in [0, 1]    labels  N int64, of `test`
    decoder      makes an untrained decoder from features to images
    """

    about: str
    client: Any
    task_network: Callable[[Tensor], Tensor]
    decoder: Callable[[], nn.Module]
    train: Tensor
    test: Tensor
    labels: Tensor


class Level(Record):
    """One noise level, in units of the features' root mean square: medians over the images."""

    sigma: float
    accuracy: Utility
    measured: dict[str, Measured]


class Swept(Record):
    """A system under growing noise; `clean` is its accuracy without."""

    about: str
    attack_images: int
    attack_epochs: int
    clean: Utility
    rows: tuple[Level, ...]


def sweep(
    system: System, bound: Hcr, sigmas: Sequence[float], samples: int, epochs: int, seed: int
) -> Swept:
    """Bound the first `samples` test images, and attack them, at each noise level."""
    images = system.test[:samples]
    size = rms(system.client, images)
    weak, exact = list(bound.weak(system.client, images)), exactly(system.client)
    generator = torch.Generator().manual_seed(seed)
    trace = Fisher().trace(system.client.mean, images, generator)
    mean_image = _rmse(system.train.mean(dim=0).expand_as(images), images)
    rows = []
    for sigma in tqdm(sigmas, desc=system.about, unit="levels", disable=None, leave=False):
        std = sigma * size
        parts = [
            summary(floors(perturbed(exact, one, std, bound.scales), std), one.unconstrained)
            for one in weak
        ]
        measured = {
            **{key: np.concatenate([part[key] for part in parts]) for key in parts[0]},
            "fisher_floor": GREY_LEVELS * std * np.sqrt(images[0].numel() / trace),
            "decoder_rmse": _rmse(_decoded(system, std, images, epochs, seed), images),
            "mean_image_rmse": mean_image,
        }
        accuracy = _accuracy(system, std, generator)
        found = summaries(measured, QUANTITIES, _names(samples))
        rows.append(Level(sigma=sigma, accuracy=accuracy, measured=found))
    return Swept(
        about=system.about,
        attack_images=len(system.train),
        attack_epochs=epochs,
        clean=_accuracy(system, 0.0, generator),
        rows=tuple(rows),
    )


def _names(count: int) -> list[str]:
    return [str(row) for row in range(count)]


def _rmse(predicted: Tensor, images: Tensor) -> NDArray[np.float64]:
    squares = (predicted - images).double().square().flatten(1).mean(dim=1)
    errors: NDArray[np.float64] = GREY_LEVELS * squares.sqrt().numpy()
    return errors


@torch.no_grad()
def _features(client: Any, images: Tensor) -> Tensor:
    return torch.cat([client.mean(part) for part in images.split(CHUNK)])


def _noisy(features: Tensor, std: float, generator: torch.Generator) -> Tensor:
    return features + std * torch.randn(features.shape, generator=generator)


def _decoded(system: System, std: float, images: Tensor, epochs: int, seed: int) -> Tensor:
    """Train a decoder on noisy features and rebuild `images` from theirs."""
    generator = torch.Generator().manual_seed(seed)
    features = _features(system.client, system.train)
    with seeded(seed):
        decoder = system.decoder()

    def loss(batch: Tensor) -> Tensor:
        rebuilt = decoder(_noisy(features[batch], std, generator))
        return functional.mse_loss(rebuilt, system.train[batch])

    descend(decoder, loss, len(features), epochs, generator)
    sent = _noisy(_features(system.client, images), std, generator)
    return torch.cat([decoder(part) for part in sent.split(CHUNK)])


@torch.no_grad()
def _accuracy(system: System, std: float, generator: torch.Generator) -> Utility:
    """Accuracy over all test images, each averaged over several draws of the noise."""
    features = _features(system.client, system.test)
    right = torch.zeros(len(features), dtype=torch.float64)
    for _ in range(DRAWS):
        guesses = list(_guesses(system, _noisy(features, std, generator)))
        right += (torch.cat(guesses) == system.labels).double() / DRAWS

    def mean(weights: NDArray[np.float64]) -> NDArray[np.float64]:
        share: NDArray[np.float64] = weights @ right.numpy() / weights.sum(axis=1)
        return share

    found = estimates({"accuracy": mean}, _names(len(right)))["accuracy"]
    return Utility(value=found.value, low=found.low, high=found.high, n=len(right))


def _guesses(system: System, features: Tensor) -> Iterator[Tensor]:
    for part in features.split(CHUNK):
        yield system.task_network(part).argmax(dim=1)
