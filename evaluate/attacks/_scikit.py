"""What attacks by a scikit-learn classifier share."""

from abc import abstractmethod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...schemas import Track, UsageError
from ..reading.records import Records
from . import Attack, Effort


class ScikitAttack(Attack):
    """A scikit-learn classifier of features of the activation; `build` makes it."""

    track = Track.ATTRIBUTE
    effort = Effort.FIT

    @abstractmethod
    def build(self) -> Any:
        """Make the unfitted estimator, one with `predict_proba`."""

    @abstractmethod
    def features(self, records: Records) -> NDArray[np.float32]:
        """Say what the classifier sees of each record: (N, F)."""

    def fit(self, auxiliary: Records) -> None:
        """Fit to the auxiliary pairs; `UsageError` where they show one class only."""
        answers = auxiliary.known("sensitive")
        if len(answers.unique()) < 2:
            raise UsageError(
                f"the {len(auxiliary)} auxiliary records show one class of "
                f"{auxiliary.manifest.sensitive.name!r} only, so there is nothing to tell apart; "
                "give the attacker more"
            )
        self.classes = len(auxiliary.manifest.sensitive.classes)
        self.model = self.build().fit(self.features(auxiliary), answers.numpy())

    def predict(self, records: Records) -> Tensor:
        """Return class probabilities (N, K), zero for a class that no auxiliary record shows."""
        known = torch.from_numpy(self.model.predict_proba(self.features(records)))
        probabilities = torch.zeros(len(records), self.classes, dtype=known.dtype)
        probabilities[:, self.model.classes_] = known
        return probabilities
