"""The labels of synthetic faces, and the correlation one may ask for between two of them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...schemas import Record, UnknownName, UnknownOption
from ...schemas.errors import nearest
from ._draws import Draws, Keys, Stream

Labels = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class FaceAttribute:
    """Class names, how frequent each class is, and whether a person keeps it in every image."""

    classes: tuple[str, ...]
    weights: tuple[float, ...]
    of_person: bool = False


# in the order in which they are drawn: those of a person first
ATTRIBUTES: Mapping[str, FaceAttribute] = {
    "gender": FaceAttribute(("feminine", "masculine"), (0.5, 0.5), of_person=True),
    "race": FaceAttribute(
        tuple(f"group {number}" for number in range(1, 8)), (1 / 7,) * 7, of_person=True
    ),
    "big_nose": FaceAttribute(("no", "yes"), (0.7, 0.3), of_person=True),
    "age_group": FaceAttribute(("young", "middle-aged", "old"), (0.4, 0.35, 0.25), of_person=True),
    "smiling": FaceAttribute(("no", "yes"), (0.5, 0.5)),
    "mouth_open": FaceAttribute(("no", "yes"), (0.55, 0.45)),
    "glasses": FaceAttribute(("no", "yes"), (0.75, 0.25)),
}


class Correlation(Record):
    """Two attributes and Pearson's correlation `rho` of their class numbers.

    For two attributes of two classes that is the phi coefficient. Every class stays as frequent as
    it was.
    """

    first: str
    second: str
    rho: float

    def partner(self, attribute: str) -> str | None:
        """The other attribute of the pair; None where `attribute` is not in it."""
        others = {self.first: self.second, self.second: self.first}
        return others.get(attribute)


def draw_labels(
    keys: Keys, identity: NDArray[np.int64], identities: int, correlation: Correlation | None
) -> Labels:
    """Draw every label of every image, (N,) each; `identity` (N,) says who is pictured."""
    if correlation is not None:
        check(correlation)
    people = Draws(keys, Stream.IDENTITY_LABELS, range(identities))
    images = Draws(keys, Stream.IMAGE_LABELS, range(len(identity)))
    of_people: dict[str, NDArray[np.int64]] = {}
    of_images: dict[str, NDArray[np.int64]] = {}
    for name, attribute in ATTRIBUTES.items():
        known, draws = (of_people, people) if attribute.of_person else (of_images, images)
        known[name] = draws.choice(_weights(name, known, correlation))
        if attribute.of_person:
            of_images[name] = known[name][identity]
    return of_images


def _weights(name: str, known: Labels, correlation: Correlation | None) -> NDArray[np.float64]:
    """Class weights (K,), or (N, K) given the partner, once that is known.

    With a and b standardised, p(a | b) = p(a) (1 + rho a b) has the marginal p(a), because b and a
    have mean 0, and the correlation rho, because they have variance 1.
    """
    weights = np.array(ATTRIBUTES[name].weights)
    partner = correlation.partner(name) if correlation else None
    if correlation is None or partner is None or partner not in known:
        return weights
    given = standardised(partner)[known[partner]]
    return np.asarray(weights * (1 + correlation.rho * np.outer(given, standardised(name))))


def standardised(name: str) -> NDArray[np.float64]:
    """Class numbers (K,), shifted and scaled to mean 0 and variance 1 under the class weights."""
    weights = np.array(ATTRIBUTES[name].weights)
    numbers = np.arange(len(weights)) - weights @ np.arange(len(weights))
    return np.asarray(numbers / np.sqrt(weights @ numbers**2))


def check(correlation: Correlation) -> None:
    """Refuse unknown or equal attributes and a `rho` that the class frequencies rule out."""
    for name in (correlation.first, correlation.second):
        if name not in ATTRIBUTES:
            raise UnknownName(f"synthetic has no attribute {name!r}: {nearest(name, ATTRIBUTES)}")
    if correlation.first == correlation.second:
        raise UnknownOption(
            f"option 'correlation' takes two different attributes, but got {correlation.first!r} "
            "twice"
        )
    products = np.outer(standardised(correlation.first), standardised(correlation.second))
    low, high = -1 / products.max(), -1 / products.min()
    if not low <= correlation.rho <= high:
        raise UnknownOption(
            f"option 'correlation': {correlation.first} and {correlation.second} allow a rho from "
            f"{low:.3f} to {high:.3f}, but got {correlation.rho}"
        )
