"""The noise sweep of Chaudhuri et al. (2024), with the attack that they did not run beside it.

Three systems: digits (scikit-learn's, real scans of 8 x 8 pixels, in MNIST's place) and CIFAR-10
with the paper's small networks, and the split ResNet-18 of an undefended release of CIFAR-10. The
paper's ImageNet networks are left out.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional

from ..evaluate.architectures import ConvDecoder
from ..evaluate.bounds.hcr import Hcr
from ..evaluate.fitting import seeded
from ..evaluate.reading.images import decode_images
from ..generate import load_client
from ..schemas import Release, answers
from ..schemas.config import Scale
from ..schemas.files import write_text
from . import Report, Request
from ._configs import release_of
from ._figures import draw, table
from ._small_nets import SmallClient, convolutional, descend, perceptron
from ._sweep import Swept, System, sweep

log = logging.getLogger(__name__)
SEED = 0
SIGMAS = (0.1, 0.3, 1.0, 2.0, 5.0)  # times the root mean square of the features
DIGIT_EPOCHS, DIGIT_ATTACK_EPOCHS = 60, 60
DIGITS_TRAINED = 1200  # of 1,797


@dataclass(frozen=True)
class Effort:
    """How much of everything: the paper's amounts, or fewer."""

    images: int  # of CIFAR-10, to train the small network
    widths: tuple[int, int, int]
    epochs: int
    attack_images: int
    attack_epochs: int
    test: int  # images for the accuracy
    samples: int  # images that are bounded and attacked
    limit: int | None  # images of the release


# The paper trains its CIFAR-10 network on all 50,000 images; here half are the attackers'.
EFFORTS: Mapping[Scale, Effort] = {
    "smoke": Effort(512, (8, 16, 32), 1, 256, 1, 128, 8, 2000),
    "reduced": Effort(12_000, (32, 128, 384), 4, 6000, 3, 2000, 64, None),
    "paper": Effort(25_000, (32, 1024, 3072), 7, 25_000, 20, 10_000, 2500, None),
}


def run(request: Request) -> Report:
    """Sweep the three systems on CIFAR-10; write hcr.json, hcr.md and hcr.svg.

    A system that was swept before, in `out`, is not swept again.
    """
    request.refuse_cells("hcr")
    source, scale, out = request.source, request.scale, request.out
    effort = EFFORTS[scale]

    def release() -> Release:
        return release_of("cifar10-none", source, out / "release", effort.limit)

    systems: dict[str, Callable[[], System]] = {
        "digits": digits,
        "cifar10-small": lambda: small_cifar10(release(), effort),
        "cifar10-release": lambda: split_resnet(release(), effort),
    }
    swept = {name: _swept(out / f"hcr-{name}.json", make, effort) for name, make in systems.items()}
    report = Report(
        experiment="hcr",
        scale=scale,
        seeds=(SEED,),
        versions={name: version(name) for name in ("leakboard", "torch", "scikit-learn")},
        results={name: one.model_dump(mode="json") for name, one in swept.items()},
    )
    write_text(out / "hcr.json", report.to_json())
    write_text(out / "hcr.md", table(swept))
    write_text(out / "hcr.svg", draw(swept))
    return report


def _swept(path: Path, make: Callable[[], System], effort: Effort) -> Swept:
    if path.exists():
        return Swept.model_validate_json(path.read_bytes())
    system = make()
    log.info("%s: sweeping the noise", system.about)
    epochs = DIGIT_ATTACK_EPOCHS if system.test.shape[1] == 1 else effort.attack_epochs
    swept = sweep(system, Hcr(), SIGMAS, effort.samples, epochs, SEED)
    write_text(path, swept.to_json())
    return swept


def digits() -> System:
    """Digits in the place of MNIST: 64 pixels, 64 units, 64 features."""
    scans = load_digits()
    order = np.random.default_rng(SEED).permutation(len(scans.target))
    images = torch.from_numpy(scans.images[order]).float()[:, None] / 16
    labels = torch.from_numpy(scans.target[order])
    train, test = images[:DIGITS_TRAINED], images[DIGITS_TRAINED:]
    client, head = _classifier(lambda: perceptron(64), train, labels[:DIGITS_TRAINED], DIGIT_EPOCHS)

    def decoder() -> nn.Module:
        layers = (nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 64), nn.Sigmoid())
        return nn.Sequential(*layers, nn.Unflatten(1, (1, 8, 8)))

    about = "digits, perceptron 64-64-64"
    return System(about, client, head, decoder, train, test, labels[DIGITS_TRAINED:])


def small_cifar10(release: Release, effort: Effort) -> System:
    """The paper's convolutional network on the ten classes, with the release's splits."""
    images, labels = _pairs(release, "defender", "sensitive", effort.images)
    client, head = _classifier(lambda: convolutional(effort.widths), images, labels, effort.epochs)

    def decoder() -> nn.Module:
        return nn.Sequential(
            *(nn.Linear(3072, 4096), nn.ReLU(), nn.Unflatten(1, (64, 8, 8))),
            ConvDecoder((64, 8, 8), 32, width=128),
        )

    about = f"CIFAR-10, convolutions of {'-'.join(map(str, effort.widths))}, 3072 features"
    attackers, _ = _pairs(release, "auxiliary", "sensitive", effort.attack_images)
    test, truth = _pairs(release, "validation", "sensitive", effort.test)
    return System(about, client, head, decoder, attackers, test, truth)


def _classifier(
    build: Callable[[], nn.Module], images: Tensor, labels: Tensor, epochs: int
) -> tuple[SmallClient, nn.Module]:
    """Train a client and a linear task network for ten classes."""
    with seeded(SEED):
        client = SmallClient(build())
        head = nn.Linear(client.mean(images[:1]).shape[1], 10)

    def loss(batch: Tensor) -> Tensor:
        return functional.cross_entropy(head(client.mean(images[batch])), labels[batch])

    generator = torch.Generator().manual_seed(SEED)
    descend(nn.ModuleList([client, head]), loss, len(images), epochs, generator)
    return client, head


def split_resnet(release: Release, effort: Effort) -> System:
    """The client of an undefended release, split after layer1."""
    client = load_client(release.folder)
    attackers, _ = _pairs(release, "auxiliary", "task", effort.attack_images)
    test, truth = _pairs(release, "validation", "task", effort.test)
    shape = release.manifest.client.activation_shape
    about = "CIFAR-10, living or not, ResNet-18 split after layer1"

    def decoder() -> nn.Module:
        return ConvDecoder(shape, 32, width=128)

    return System(about, client, client.task_network, decoder, attackers, test, truth)


def _pairs(release: Release, split: str, answer: str, count: int) -> tuple[Tensor, Tensor]:
    """The first images of a split, in [0, 1], and their answers."""
    table = answers(release, split, None).slice(0, count)
    labels = torch.from_numpy(table.column(answer).to_numpy().copy())
    return decode_images(table.column("input")).float() / 255, labels
