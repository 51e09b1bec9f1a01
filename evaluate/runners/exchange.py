"""What goes into a run and comes out of it: a task, activations, and values or a refusal.

Legend: N records, C H W activation channels, height, width; S image side in pixels; K classes.
"""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

IN, OUT = "/in", "/out"
SUBMISSION = "submission/file"  # alone in its folder
ACTIVATIONS = "activations.npy"
VALUES = "values.npy"
REFUSAL = "refusal.txt"
BATCH = 64
BEYOND = 1e-3  # how far rounding may take a pixel out of [0, 1], or a sum from 1

Predict = Callable[[NDArray[np.float32]], NDArray[Any]]


class Refused(Exception):
    """What is wrong with a submission, one sentence for each problem."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Task:
    """What is asked: the track, the shape C H W of an activation, K classes, images of side S."""

    track: Literal["attribute", "reconstruction"]
    activation: tuple[int, int, int]
    classes: int
    side: int

    @classmethod
    def parse(cls, text: str) -> "Task":
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        return cls(**fields | {"activation": tuple(fields["activation"])})

    def to_json(self) -> str:
        """Write it into an argument."""
        return json.dumps(asdict(self))

    @property
    def answer(self) -> tuple[int, ...]:
        """The shape of a model's answer to one record: K probabilities, or an image 3 S S."""
        return (self.classes,) if self.track == "attribute" else (3, self.side, self.side)

    @property
    def stored(self) -> tuple[tuple[int, ...], np.dtype[Any]]:
        """Shape and type of an answer in a prediction file: K float32, or S S 3 uint8."""
        if self.track == "attribute":
            return self.answer, np.dtype(np.float32)
        return (self.side, self.side, 3), np.dtype(np.uint8)


def answer(task: Task, source: Path, out: Path, predict: Predict) -> None:
    """Predict all activations in batches, and write the values; raises `Refused` for a bad one."""
    activations = np.load(source / ACTIVATIONS, mmap_mode="r", allow_pickle=False)
    shape, kind = task.stored
    values = np.lib.format.open_memmap(
        out / VALUES, mode="w+", dtype=kind, shape=(len(activations), *shape)
    )
    for start in range(0, len(activations), BATCH):
        batch = activations[start : start + BATCH].astype(np.float32)
        values[start : start + BATCH] = _stored(task, np.asarray(predict(batch)), len(batch))


def _stored(task: Task, answers: NDArray[Any], count: int) -> NDArray[Any]:
    expected = (count, *task.answer)
    if answers.shape != expected or not np.issubdtype(answers.dtype, np.floating):
        raise Refused(
            f"{count} activations gave {answers.dtype} {answers.shape}, but the {task.track} track "
            f"expects floats {expected}"
        )
    if task.track == "attribute":
        return checked_probabilities(answers.astype(np.float32))
    if not np.isfinite(answers).all():
        raise Refused("the answers hold a number that is not finite")
    if answers.min() < -BEYOND or answers.max() > 1 + BEYOND:
        raise Refused(
            f"the images reach from {answers.min():.3g} to {answers.max():.3g}, but pixels lie in "
            "[0, 1]"
        )
    pixels: NDArray[Any] = np.rint(255 * answers.clip(0, 1)).transpose(0, 2, 3, 1)
    return pixels.astype(np.uint8)


def checked_probabilities(answers: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return what can be scored as probabilities (N, K); else raise `Refused`."""
    if not np.isfinite(answers).all():
        raise Refused("the answers hold a number that is not finite")
    if answers.min() < 0 or np.abs(answers.sum(axis=1, dtype=np.float64) - 1).max() > BEYOND:
        raise Refused("the answers are no probabilities, of sum 1; end the model with a softmax")
    return answers


def serve(load: Callable[[Path, Task], Predict]) -> None:
    """Be the program: load the submission for the task in the argument, and predict."""
    task, out = Task.parse(sys.argv[1]), Path(OUT)
    with refusing(out):
        answer(task, Path(IN), out, load(Path(IN, SUBMISSION), task))


@contextmanager
def refusing(out: Path) -> Iterator[None]:
    """Write down why a submission is refused, a line for each problem, and end with exit code 1."""
    try:
        yield
    except Refused as refused:
        (out / REFUSAL).write_text("\n".join(refused.problems))
        sys.exit(1)


@contextmanager
def blamed(doing: str) -> Iterator[None]:
    """Blame the submission for whatever a library that runs it complains of while `doing` so."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as problem:
        reason = next(iter(str(problem).splitlines()), type(problem).__name__)
        raise Refused(f"{doing} failed: {reason}") from problem
