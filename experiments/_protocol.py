"""The fixed attacker: what faces every defense of every table, and with how much effort.

Attribute track: a linear probe, a convolutional classifier with the client's weights, a classifier
of which channels are off where that differs between images, and one that averages repeated queries
where the defense is random. Reconstruction track: a decoder. All are trained from scratch on all
auxiliary records; the strongest is chosen on validation, named, and reported on test. Where there
is no defense, the same classifier reads the images themselves: the ceiling of the attribute track.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..evaluate.suite.planning import Planned
from ..schemas.config import Precision, Scale


@dataclass(frozen=True)
class Effort:
    """How much of everything at one scale.

    `changes` are made to every configuration, `of_dataset` to those of a dataset. `limit` is how
    many images are used, None all.
    """

    changes: tuple[str, ...]
    of_dataset: Mapping[str, tuple[str, ...]]
    limit: int | None
    precision: Precision
    classifier_epochs: int
    decoder_epochs: int
    seeds: Mapping[str, int]  # per dataset; others have two

    def longer(self, times: int) -> "Effort":
        """The same with so many times the epochs for the attackers."""
        epochs = times * self.classifier_epochs, times * self.decoder_epochs
        return replace(self, classifier_epochs=epochs[0], decoder_epochs=epochs[1])

    @property
    def attacks(self) -> tuple[Planned, ...]:
        """The attacks in the order in which they are run."""
        trained = {"epochs": self.classifier_epochs, "precision": self.precision}
        return (
            Planned("linear_probe", {}),
            Planned("attribute_classifier", trained),
            Planned("mask_classifier", trained),
            Planned("query_averaging", trained),
            Planned("decoder", {"epochs": self.decoder_epochs}),
            Planned("raw_image_classifier", trained),
        )


PROXY = ("training.adversary_warmup_steps=60", "training.adversary_steps=1")
FACES = ("dataset.size=112",)
EFFORTS: Mapping[Scale, Effort] = {
    "smoke": Effort(
        ("scale=smoke", "training.warmup_epochs=1", "training.epochs=1"),
        {"synthetic": ("dataset.images=400", "dataset.identities=100")},
        1000,
        "float32",
        1,
        1,
        {"cifar10": 1, "celeba": 1, "fairface": 1, "synthetic": 1},
    ),
    "reduced": Effort(
        ("scale=reduced", *PROXY),
        {},
        None,
        "float32",  # as any processor computes it; many have no bfloat16
        6,
        3,
        {"cifar10": 3},
    ),
    # The paper trains for 140 epochs with a learning rate of 0.01 (reference: its released code),
    # every network by SGD; here filter and proxy follow Adam.
    "paper": Effort(
        (
            "scale=paper",
            "training.warmup_epochs=30",
            "training.epochs=110",
            "training.learning_rate=0.01",
            "training.defense_learning_rate=0.01",
            *PROXY,
        ),
        {"celeba": FACES, "fairface": FACES},
        None,
        "bfloat16",
        30,
        30,
        {"cifar10": 3, "celeba": 3, "fairface": 3, "synthetic": 3},
    ),
}
