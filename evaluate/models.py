"""Submitted models: their predictions, made in the sandbox.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

import math
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..schemas import (
    BadModel,
    Manifest,
    PredictionHeader,
    Predictions,
    Release,
    Setting,
    Track,
)
from ..schemas.files import read_json
from ..schemas.records import PublicSplit
from .interpreter import python
from .model_files import Kind, copy_model
from .records import read_records
from .runners.exchange import ACTIVATIONS, IN, REFUSAL, SUBMISSION, VALUES, Task
from .sandbox import Limits, Outcome, Sandbox

RUNNERS: dict[Kind, tuple[str, tuple[str, ...]]] = {
    "onnx": ("leakboard.evaluate.runners.onnx_model", ("evaluate/runners",)),
    "safetensors": (
        "leakboard.evaluate.runners.zoo_model",
        ("evaluate/runners", "evaluate/architectures.py", "evaluate/zoo.py", "schemas"),
    ),
}
MEMORY = 4 * 2**30  # bytes of the model's own, beside what it reads and writes
MARGIN = 2**24  # bytes it may write beside the values
SHOWN = 200  # characters of each problem
ADVICE = {
    "memory": "make it smaller",
    "cpu": "make it faster, or ask about fewer images",
    "time": "make it faster, or ask about fewer images",
}


@dataclass(frozen=True)
class SubmittedModel:
    """A model file, and what its author says of it."""

    path: Path
    name: str
    track: Track
    setting: Setting
    auxiliary_records: int

    def predict(
        self, release: Release, split: PublicSplit, *, seconds: float, images: int | None = None
    ) -> Predictions:
        """Predict the images of `split`, all or the first `images`, in the sandbox.

        It may take so many seconds. Raises `BadModel` for a model that is not run, or fails, and
        `NoSandbox`.
        """
        records = read_records(release, split).without_answers().first_queries()
        if images is not None:
            records = records.of_first_images(images)
        values = self.values(records.activation.numpy(), release.manifest, seconds=seconds)
        return Predictions(self._header(release, split, images), records.sample_id, values)

    def values(
        self, activations: NDArray[np.float16], manifest: Manifest, *, seconds: float
    ) -> NDArray[Any]:
        """Answer activations (N, C, H, W) of a release: (N, K) float32 or (N, S, S, 3) uint8."""
        sandbox = Sandbox.find()
        task = _task(self.track, manifest)
        with tempfile.TemporaryDirectory(prefix="leakboard-model-") as folder:
            submission, stored, out = (Path(folder, name) for name in ("file", ACTIVATIONS, "out"))
            module, parts = RUNNERS[copy_model(self.path, submission)]
            np.save(stored, activations, allow_pickle=False)
            for shown in (submission, stored):  # to a user number that owns nothing
                shown.chmod(0o444)
            out.mkdir()
            program = python(["-m", module, task.to_json()], parts)
            given = {f"{IN}/{SUBMISSION}": submission, f"{IN}/{ACTIVATIONS}": stored}
            outcome = sandbox.run(
                program.command,
                {**program.inputs, **given},
                out,
                _limits(task, activations, seconds),
                program.environment,
            )
            return self._answers(task, len(activations), out, outcome)

    def _answers(self, task: Task, count: int, out: Path, outcome: Outcome) -> NDArray[Any]:
        refusal = out / REFUSAL
        if refusal.exists():
            problems = [str(problem)[:SHOWN] for problem in read_json(refusal)]
            raise BadModel(f"{self.path}: {'; '.join(problems)}")
        if not outcome.done:
            raise BadModel(f"{self.path}: {_failure(outcome)}")
        return self._loaded(out / VALUES, (count, *task.stored[0]), task.stored[1])

    def _loaded(self, file: Path, shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
        try:
            values: NDArray[Any] = np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError):  # no file, or none that NumPy reads
            raise BadModel(f"{self.path}: its run left no answers") from None
        if values.shape != shape or values.dtype != kind:
            raise BadModel(f"{self.path}: its run left {values.dtype} {values.shape} for answers")
        return values

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


def _task(track: Track, manifest: Manifest) -> Task:
    return Task(
        track=track.value,
        activation=manifest.client.activation_shape,
        classes=len(manifest.sensitive.classes),
        side=manifest.dataset.image_size,
    )


def _limits(task: Task, activations: NDArray[np.float16], seconds: float) -> Limits:
    shape, kind = task.stored
    disk = len(activations) * math.prod(shape) * kind.itemsize + MARGIN
    memory = MEMORY + disk + activations.nbytes
    return Limits(memory=memory, cpu_seconds=math.ceil(seconds), seconds=seconds, disk=disk)


def _failure(outcome: Outcome) -> str:
    said = outcome.log.strip().splitlines()
    if outcome.limit is None:
        return f"its run ended with exit code {outcome.exit} ({said[-1][:SHOWN] if said else ''})"
    used = f"{outcome.seconds:.1f} s"
    advice = ADVICE.get(outcome.limit, "it may only compute")
    return f"its run was stopped at the limit of {outcome.limit} after {used}; {advice}"
