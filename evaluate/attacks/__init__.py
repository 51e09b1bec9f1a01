"""Attacks: what a server, or anyone listening, can do with an activation.

A new attack is one new file in this folder: `decoder.py` defines the class `Decoder(Attack)`. Its
options are the constructor's keyword-only arguments; `seed` is one of them where it is random.
Attacks are trained from scratch on `auxiliary` records and never see an answer of another split.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from enum import IntEnum
from typing import Any, ClassVar

from torch import Tensor

from ...schemas import Manifest, Registry, Setting, Track
from ..reading.records import Records

REGISTRY = Registry("attack", __name__, "Attack")
Variants = tuple[Mapping[str, Any], ...]


class Effort(IntEnum):
    """What an attack's time goes into; a suite runs the least first."""

    GUESS = 0
    LOOKUP = 1
    FIT = 2
    TRAINING = 3
    SEARCH = 4


class Attack(ABC):
    """An adversary: fit on the `auxiliary` pairs it holds, then predict unseen records.

    track    what is predicted: the sensitive attribute or the input image
    setting  what the attacker knows: with `whitebox` in it `client` is set before all else, and
             without `auxiliary` in it there are no pairs and `fit` is not called
    client   the differentiable client, images (N, 3, S, S) in [0, 1] to activations (N, C, H, W)
    repeated_queries  True where it wants every query of an image, not only the first
    ceiling  True where it reads the inputs themselves: a yardstick for attacks, not one of them
    effort   what its time goes into: nothing but a guess, a look-up, fitting or encoding once what
             it holds, training a network, or a search for each image
    variants  the options of each run that an attack suite makes of it, on every track it has
    suite_images  how many images of a split a suite asks it about; None: all
    """

    track: Track
    setting: Setting = Setting.AUXILIARY
    client: Any = None
    repeated_queries: ClassVar[bool] = False
    ceiling: ClassVar[bool] = False
    effort: ClassVar[Effort] = Effort.LOOKUP
    variants: ClassVar[Variants] = ({},)
    suite_images: ClassVar[int | None] = None

    @classmethod
    def unsuited(cls, manifest: Manifest) -> str | None:
        """Say why there is no point in running it on a release; None: there is."""
        return None

    def fit(self, auxiliary: Records) -> None:
        """Learn from records with their answers; an attack that holds no pairs has no `fit`."""
        raise NotImplementedError(f"{type(self).__name__} learns from no pairs")

    @abstractmethod
    def predict(self, records: Records) -> Tensor:
        """Predict, in record order.

        Attribute track: (N, K) probabilities. Reconstruction track: (N, 3, S, S) in [0, 1].
        """
