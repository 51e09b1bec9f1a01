"""What each test image of a cell contributes, and a few pictures, in an order that cells share.

Legend: N images, S image side.
"""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from ..evaluate.metrics import REGISTRY as METRICS
from ..evaluate.metrics import ReconstructionOutcome
from ..evaluate.reading.records import Records, read_truth, repeated_images
from ..schemas import Release, Track, aligned, read_predictions
from ..schemas.files import replacing

REBUILT = ("ssim", "psnr", "l1")
REPEATED = "repeated_top1"  # of the images that were asked about repeatedly, others are no numbers
PICTURED = 8
Pixels = NDArray[np.uint8]


def image_values(
    release: Release, predictions: Mapping[Track, Path], averaging: Path | None
) -> pa.Table:
    """Per test image: whether the task network is right, and what the strongest attacks read.

    `averaging` are predictions from all queries of an image, where the defense is random.
    """
    records = read_truth(release, "test", None)
    inputs = records.known("inputs").numpy()
    said = {track: _said(release, records, path) for track, path in predictions.items()}
    rebuilt = ReconstructionOutcome(said[Track.RECONSTRUCTION], inputs.transpose(0, 2, 3, 1))
    columns: dict[str, NDArray[Any]] = {
        "utility": records.task_logits.argmax(dim=1).numpy() == records.known("task").numpy(),
        "top1": _read(said[Track.ATTRIBUTE], records),
        **{name: METRICS.create(name, {}).per_image(rebuilt) for name in REBUILT},
    }
    if averaging:
        columns[REPEATED] = _repeated(release, records, averaging)
    return _ordered(inputs, records.subject or (), records.image_id, columns)


def _repeated(release: Release, records: Records, averaging: Path) -> NDArray[np.float64]:
    """Whether the attribute is read of the images that were asked about more than once."""
    often = repeated_images(release, "test")
    right = _read(_said(release, records, averaging), records)
    return np.where([name in often for name in records.image_id], right, np.nan)


def _said(release: Release, records: Records, predictions: Path) -> NDArray[Any]:
    """What was predicted of each of the records."""
    given = read_predictions(predictions, release.manifest)
    return aligned(given, records.sample_id, predictions)


def _read(probabilities: NDArray[Any], records: Records) -> NDArray[np.bool_]:
    """Whether the attribute is read, of each record."""
    right: NDArray[np.bool_] = probabilities.argmax(axis=1) == records.known("sensitive").numpy()
    return right


def _ordered(
    inputs: Pixels,
    subjects: Sequence[str],
    names: Sequence[str],
    columns: Mapping[str, NDArray[Any]],
) -> pa.Table:
    """Sort by the digest of the pixels, and number the subjects: both are the same in all cells."""
    digests = _digests(inputs)
    order = _order(digests, names)
    people = [subjects[row] for row in order]
    numbers = {subject: str(number) for number, subject in enumerate(dict.fromkeys(people))}
    content: dict[str, Any] = {
        "image": [digests[row] for row in order],
        "subject": [numbers[subject] for subject in people],
    }
    content |= {name: values[order].astype(np.float64) for name, values in columns.items()}
    return pa.table(content)


def _digests(inputs: Pixels) -> list[str]:
    return [hashlib.sha256(pixels.tobytes()).hexdigest()[:32] for pixels in inputs]


def _order(digests: Sequence[str], names: Sequence[str]) -> list[int]:
    """Rows by digest; the names, which differ between cells, decide among equal images alone."""
    keys = list(zip(digests, names, strict=True))
    return sorted(range(len(keys)), key=lambda row: keys[row])


def draw(release: Release, predictions: Path, path: Path) -> None:
    """Keep a few test images, the same in every cell, and what was rebuilt of them."""
    records = read_truth(release, "test", None)
    inputs = records.known("inputs").numpy()
    first = _order(_digests(inputs), records.image_id)[:PICTURED]
    rebuilt = _said(release, records, predictions)
    shown = np.stack([inputs[first].transpose(0, 2, 3, 1), rebuilt[first]])
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.save(file, shown, allow_pickle=False)
