"""Submitted models, run by a program that reads nothing but the model and the activations.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...schemas import Manifest, Release
from ..reading.records import Records
from ..runners.exchange import ACTIVATIONS, IN, SUBMISSION
from ..sandbox.interpreter import python
from ..sandbox.sandbox import Limits
from .model_files import Kind, copy_model
from .submitted import Submitted, disk_for

RUNNERS: dict[Kind, tuple[str, tuple[str, ...]]] = {
    "onnx": ("leakboard.evaluate.runners.onnx_model", ("evaluate/runners",)),
    "safetensors": (
        "leakboard.evaluate.runners.zoo_model",
        ("evaluate/runners", "evaluate/architectures.py", "evaluate/zoo.py", "schemas"),
    ),
}
MEMORY = 4 * 2**30  # bytes of the model's own, beside what it reads and writes


class SubmittedModel(Submitted):
    """A model file: ONNX, or weights of an architecture of ours."""

    def answers(self, release: Release, records: Records, *, seconds: float) -> NDArray[Any]:
        """Answer N records of a release: (N, K) float32 or (N, S, S, 3) uint8."""
        return self.values(records.activation.numpy(), release.manifest, seconds=seconds)

    def values(
        self, activations: NDArray[np.float16], manifest: Manifest, *, seconds: float
    ) -> NDArray[Any]:
        """Answer activations (N, C, H, W) that a release's client sent, whatever their split."""
        task = self.task(manifest)
        with tempfile.TemporaryDirectory(prefix="leakboard-model-") as folder:
            submission, stored = Path(folder, "model"), Path(folder, ACTIVATIONS)
            module, parts = RUNNERS[copy_model(self.path, submission)]
            np.save(stored, activations, allow_pickle=False)
            for shown in (submission, stored):  # to a user number that owns nothing
                shown.chmod(0o444)
            disk = disk_for(task, len(activations))
            limits = Limits(
                memory=MEMORY + disk + activations.nbytes,
                cpu_seconds=math.ceil(seconds),
                seconds=seconds,
                disk=disk,
            )
            given = {f"{IN}/{SUBMISSION}": submission, f"{IN}/{ACTIVATIONS}": stored}
            program = python(["-m", module, task.to_json()], parts)
            return self.run(program, given, task, len(activations), limits)
