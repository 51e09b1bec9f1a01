"""The reserve: records in no public file, on which the organiser runs what was submitted to be run.

What was chosen on test, by many submissions and their scores, may read less on fresh images.
"""

from pathlib import Path

import pyarrow as pa
import torch

from ...schemas import Release, Score, Truth, default_truth
from ...schemas.records import RESERVE, vectors_to_numpy
from ...schemas.scores import HEADLINE
from ..metrics import metrics_of
from ..reading.images import decode_images
from ..reading.records import Records
from ..submitted.submitted import Submitted
from .intervals import with_intervals
from .outcomes import GUESSES, beside_truth


def reserve_score(
    release: Release, submitted: Submitted, truth: Path | None = None, *, seconds: float
) -> Score | None:
    """Run a model on the reserve, in the sandbox, and score the headline metric of its track.

    The model sees what left the device and nothing of `truth`, by default `<release>-truth`. None
    where the reserve shows a single subject, of whom there is no interval. Raises `BadModel` and
    `NoSandbox` as `Submitted.predict`, `MissingData` without the truth.
    """
    records = read_reserve(release, truth)
    if len(set(records.subject or ())) < 2:
        return None
    track, name = submitted.track, HEADLINE[submitted.track]
    said = submitted.answers(release, records.without_answers(), seconds=seconds)
    guesses = GUESSES[track](release, records)
    outcome = beside_truth(track, records, {"attack": said}, guesses)["attack"]
    asked = {name: (metrics_of(track)[name], outcome)}
    return with_intervals(asked, records.subject or (), {})[name]


def read_reserve(release: Release, truth: Path | None = None) -> Records:
    """Read the reserve from the truth, one record per image, with its answers."""
    table = Truth.open(truth or default_truth(release.folder), release).reserve()
    manifest = release.manifest
    logits = vectors_to_numpy(table.column("task_logits"), (len(manifest.task.classes),))
    activation = vectors_to_numpy(table.column("activation"), manifest.client.activation_shape)
    return Records(
        manifest=manifest,
        split=RESERVE,
        sample_id=table.column("sample_id").to_pylist(),
        image_id=table.column("image_id").to_pylist(),
        query=_numbers(table.column("query")),
        activation=torch.from_numpy(activation.copy()),
        task_logits=torch.from_numpy(logits.copy()),
        inputs=decode_images(table.column("input")),
        task=_numbers(table.column("task")),
        sensitive=_numbers(table.column("sensitive")),
        subject=table.column("subject").to_pylist(),
    ).first_queries()


def _numbers(column: pa.ChunkedArray) -> torch.Tensor:
    return torch.from_numpy(column.to_numpy().copy())
