"""The prior: the best guess of an attacker who does not look at the activation."""

from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from ...schemas import Track
from ..reading.records import Records
from . import Attack, Effort, Variants


class Prior(Attack):
    """Guess the most frequent class, or the mean image, of the auxiliary records.

    With `given="task_output"` the guess is made separately for each class that the task network
    predicts: what anyone learns from the answer of the service alone.
    """

    effort = Effort.GUESS
    variants: ClassVar[Variants] = ({}, {"given": "task_output"})

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
        groups = self._groups(auxiliary)
        everyone = torch.ones_like(groups, dtype=torch.bool)
        classes = len(auxiliary.manifest.task.classes) if self.given == "task_output" else 1
        members = [groups == group for group in range(classes)]
        self.guesses = torch.stack(
            [_mean(answers[mine if mine.any() else everyone]) for mine in members]
        )

    def predict(self, records: Records) -> Tensor:
        """Return class frequencies (N, K), whose largest is the guess, or mean images."""
        guesses = self.guesses / (1 if self.track is Track.ATTRIBUTE else 255)
        return guesses[self._groups(records)]

    def _answers(self, auxiliary: Records) -> Tensor:
        if self.track is Track.ATTRIBUTE:
            classes = len(auxiliary.manifest.sensitive.classes)
            return functional.one_hot(auxiliary.known("sensitive"), classes)
        return auxiliary.known("inputs")

    def _groups(self, records: Records) -> Tensor:
        if self.given == "task_output":
            return records.task_logits.argmax(dim=1)
        return torch.zeros(len(records), dtype=torch.int64)


def _mean(answers: Tensor) -> Tensor:
    """Average whole numbers (N, …) over N, summed exactly and without a copy as floats."""
    return answers.sum(dim=0, dtype=torch.int64).double() / len(answers)
