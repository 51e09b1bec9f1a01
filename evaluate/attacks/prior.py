"""The prior: the best guess of an attacker who does not look at the activation."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

from ...schemas import Track
from ..records import Records
from . import Attack


class Prior(Attack):
    """Guess the most frequent class, or the mean image, of the auxiliary records.

    With `given="task_output"` the guess is made separately for each class that the task network
    predicts: what anyone learns from the answer of the service alone.
    """

    def __init__(
        self,
        *,
        track: Track = Track.ATTRIBUTE,
        given: Literal["nothing", "task_output"] = "nothing",
    ) -> None:
        self.track = track
        self.given = given

    def fit(self, auxiliary: Records) -> None:
        """Average the auxiliary answers, within each predicted task class where asked to."""
        answers = self._answers(auxiliary)
        overall = answers.mean(dim=0)
        groups = self._groups(auxiliary)
        classes = len(auxiliary.manifest.task.classes)
        self.guesses = torch.stack(
            [
                answers[groups == group].mean(dim=0) if (groups == group).any() else overall
                for group in range(classes if self.given == "task_output" else 1)
            ]
        )

    def predict(self, records: Records) -> Tensor:
        """Return class frequencies (N, K), whose largest is the guess, or mean images."""
        return self.guesses[self._groups(records)]

    def _answers(self, auxiliary: Records) -> Tensor:
        if self.track is Track.ATTRIBUTE:
            classes = len(auxiliary.manifest.sensitive.classes)
            return functional.one_hot(auxiliary.known("sensitive"), classes).double()
        return auxiliary.known("inputs").double() / 255

    def _groups(self, records: Records) -> Tensor:
        if self.given == "task_output":
            return records.task_logits.argmax(dim=1)
        return torch.zeros(len(records), dtype=torch.int64)
