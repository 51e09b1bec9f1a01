"""What attacks by a trained network share: the network, its loss, and how they see pairs."""

from abc import abstractmethod
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from ...schemas import Setting
from ..fitting import Budget, Example, fit, seeded
from ..records import Records
from . import Attack

Epochs = Annotated[int, Field(ge=1)]


class TrainedAttack(Attack):
    """A network trained from scratch on auxiliary pairs by the one loop of `fitting`.

    With `augment` the attacker uses the client's weights to encode flipped and shifted auxiliary
    images, with fresh noise; without, only the released pairs are used.
    """

    def __init__(self, *, epochs: int, augment: bool, seed: int) -> None:
        self.budget = Budget(epochs)
        self.seed = seed
        self.setting = Setting.AUXILIARY_WHITEBOX if augment else Setting.AUXILIARY

    @abstractmethod
    def build(self, auxiliary: Records) -> nn.Module:
        """Make the untrained network for these records."""

    def loss(self, network: nn.Module, batch: Example) -> Tensor:
        """Cross-entropy of the attribute, unless the attack has another aim."""
        return functional.cross_entropy(network(batch.activation), batch.sensitive)

    def fit(self, auxiliary: Records) -> None:
        """Minimise the loss over the auxiliary pairs."""
        with seeded(self.seed):
            self.network = self.build(auxiliary)
        fit(
            self.network,
            lambda batch: self.loss(self.network, batch),
            auxiliary,
            self.client,
            self.budget,
            self.seed,
        )
