"""What was submitted to be run: a model or code, and its predictions, made in the sandbox.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

import math
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schemas import (
    BadModel,
    Manifest,
    PredictionHeader,
    Predictions,
    Release,
    Setting,
    Track,
)
from ...schemas.records import PublicSplit
from ..reading.records import Records, read_records
from ..runners.exchange import REFUSAL, VALUES, Refused, Task, checked_probabilities
from ..sandbox.interpreter import Program
from ..sandbox.sandbox import Limits, Outcome, Sandbox
from ..sandbox.traces import printable

MARGIN = 2**24  # bytes it may write beside the values
MOST_TOLD = 4096  # bytes of a refusal
SHOWN = 200  # characters of each problem
ADVICE = {
    "memory": "make it smaller",
    "cpu": "make it faster, or ask about fewer images",
    "time": "make it faster, or ask about fewer images",
}


@dataclass(frozen=True)
class Submitted(ABC):
    """Something to be run, and what its author says of it."""

    path: Path
    name: str
    track: Track
    setting: Setting
    auxiliary_records: int

    def predict(
        self, release: Release, split: PublicSplit, *, seconds: float, images: int | None = None
    ) -> Predictions:
        """Predict the images of `split`, all or the first `images`, in the sandbox.

        It may take so many seconds. Raises `BadModel` for what is not run, or fails, and
        `NoSandbox`.
        """
        records = read_records(release, split).without_answers().first_queries()
        if images is not None:
            records = records.of_first_images(images)
        values = self.answers(release, records, seconds=seconds)
        return Predictions(self._header(release, split, images), records.sample_id, values)

    @abstractmethod
    def answers(self, release: Release, records: Records, *, seconds: float) -> NDArray[Any]:
        """Answer N records of a release: (N, K) float32 or (N, S, S, 3) uint8."""

    def task(self, manifest: Manifest) -> Task:
        """What is asked about a release."""
        return Task(
            track=self.track.value,
            activation=manifest.client.activation_shape,
            classes=len(manifest.sensitive.classes),
            side=manifest.dataset.image_size,
        )

    def run(
        self, program: Program, given: Mapping[str, Path], task: Task, count: int, limits: Limits
    ) -> NDArray[Any]:
        """Run a program of `runners`, and read its answers to `count` records."""
        with tempfile.TemporaryDirectory(prefix="leakboard-answers-") as folder:
            inputs = {**program.inputs, **given}
            out = Path(folder)
            outcome = Sandbox.find().run(program.command, inputs, out, limits, program.environment)
            if (out / REFUSAL).exists():
                raise BadModel(f"{self.path}: {_told(out / REFUSAL)}")
            if not outcome.done:
                raise BadModel(f"{self.path}: {_failure(outcome)}")
            return self._loaded(out / VALUES, task, count)

    def _loaded(self, file: Path, task: Task, count: int) -> NDArray[Any]:
        """Read answers that whatever ran may have written as it liked."""
        try:
            values: NDArray[Any] = np.lib.format.open_memmap(file, mode="r")
        except (OSError, ValueError, EOFError):  # no file, or none that NumPy reads
            raise BadModel(f"{self.path}: its run left no answers") from None
        shape, kind = task.stored
        if values.shape != (count, *shape) or values.dtype != kind:
            raise BadModel(f"{self.path}: its run left {values.dtype} {values.shape} for answers")
        try:
            held = np.array(values)
            return checked_probabilities(held) if task.track == "attribute" else held
        except Refused as refused:
            raise BadModel(f"{self.path}: {refused}") from None

    def _header(self, release: Release, split: PublicSplit, images: int | None) -> PredictionHeader:
        return PredictionHeader(
            fingerprint=release.manifest.fingerprint,
            split=split,
            asked=images,
            track=self.track,
            attack=self.name,
            setting=self.setting,
            auxiliary_records=self.auxiliary_records,
            leakboard_version=version("leakboard"),
        )


def disk_for(task: Task, count: int) -> int:
    """The bytes that the answers to `count` records take, and a margin."""
    shape, kind = task.stored
    return count * math.prod(shape) * kind.itemsize + MARGIN


def _told(refusal: Path) -> str:
    with refusal.open("rb") as file:
        lines = printable(file.read(MOST_TOLD).decode(errors="replace")).splitlines()
    return "; ".join(line[:SHOWN] for line in lines)


def _failure(outcome: Outcome) -> str:
    said = outcome.log.strip().splitlines()
    if outcome.limit is None:
        return f"its run ended with exit code {outcome.exit} ({said[-1][:SHOWN] if said else ''})"
    used = f"{outcome.seconds:.1f} s"
    advice = ADVICE.get(outcome.limit, "it may only compute")
    return f"its run was stopped at the limit of {outcome.limit} after {used}; {advice}"
