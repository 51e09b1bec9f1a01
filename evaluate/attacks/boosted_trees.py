"""Boosted trees: gradient boosting on what each channel holds, where, and how much."""

from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import HistGradientBoostingClassifier
from torch.nn import functional

from ..reading.records import Records
from ._scikit import ScikitAttack

CORNERS = 2  # each channel's mean is taken in a grid of 2 x 2


class BoostedTrees(ScikitAttack):
    """Predict the sensitive attribute from pooled features by histogram gradient boosting."""

    def __init__(self, *, iterations: Annotated[int, Field(ge=1)] = 100, seed: int = 0) -> None:
        self.iterations = iterations
        self.seed = seed

    def build(self) -> Any:
        """Boost for a fixed number of iterations: none of the few pairs is held out to stop by."""
        return HistGradientBoostingClassifier(
            max_iter=self.iterations,
            max_features=0.2,
            early_stopping=False,
            random_state=self.seed,
        )

    def features(self, records: Records) -> NDArray[np.float32]:
        """Deviation, maximum and 2 x 2 means of each channel, (N, 6 C)."""
        activation = records.activation.float()
        spread, largest = activation.std(dim=(2, 3), correction=0), activation.amax(dim=(2, 3))
        means = functional.adaptive_avg_pool2d(activation, CORNERS).flatten(1)
        pooled: NDArray[np.float32] = torch.cat([spread, largest, means], dim=1).numpy()
        return pooled
