"""Linear probe: logistic regression on the standardised activation."""

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ..reading.records import Records
from ._scikit import ScikitAttack

ITERATIONS = 1000  # a bound only: on real releases it stops after about a hundred


class LinearProbe(ScikitAttack):
    """Predict the sensitive attribute from what can be read linearly.

    `penalty` weighs half the squared weights against the summed cross-entropy. It is large because
    an activation often has more numbers than there are records. The minimum is unique: no seed.
    """

    def __init__(self, *, penalty: Annotated[float, Field(gt=0)] = 1000.0) -> None:
        self.penalty = penalty

    def build(self) -> Any:
        """Standardise each number of the activation, then regress."""
        regression = LogisticRegression(C=1 / self.penalty, max_iter=ITERATIONS)
        return make_pipeline(StandardScaler(), regression)

    def features(self, records: Records) -> NDArray[np.float32]:
        """The activation itself, (N, C · H · W)."""
        flat: NDArray[np.float32] = records.activation.flatten(1).float().numpy()
        return flat
