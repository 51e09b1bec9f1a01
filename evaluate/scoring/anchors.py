"""Trivial anchors: what predictions made without the activation achieve, and the exact copy.

A score says nothing until it is seen beside them. Each anchor is a set of predictions, scored by
the same metrics as an attack.

Legend: N images, T task classes, K sensitive classes, S image side in pixels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from ...schemas import Release
from ...schemas.records import vectors_to_numpy
from ..reading.images import decode_images
from ..reading.records import Records
from ..run import to_uint8

# Those that use neither the activation nor the answer; the other two look at the input.
TRIVIAL = ("majority", "task_output", "mean_image")
THUMBNAIL = 8  # pixels on a side
CHUNK_IMAGES = 1024


def attribute_anchors(release: Release, records: Records) -> dict[str, NDArray[np.float64]]:
    """Guess the sensitive attribute without the activation: probabilities (N, K) per anchor.

    `majority` gives the class frequencies among the auxiliary records; `task_output` gives those
    among the auxiliary records for which the task network predicts the same task class (of all
    auxiliary records, where there are none).
    """
    counts = class_counts(release)
    overall = counts.sum(axis=0)
    counts[counts.sum(axis=1) == 0] = overall
    frequencies = counts / counts.sum(axis=1, keepdims=True)
    predicted = records.task_logits.argmax(dim=1).numpy()
    majority = np.tile(overall / overall.sum(), (len(records), 1))
    return {"majority": majority, "task_output": frequencies[predicted]}


def class_counts(release: Release) -> NDArray[np.int64]:
    """Count auxiliary records by predicted task class and sensitive class: (T, K)."""
    tasks, classes = len(release.manifest.task.classes), len(release.manifest.sensitive.classes)
    counts = np.zeros((tasks, classes), np.int64)
    for table in release.tables("auxiliary", ("task_logits", "sensitive")):
        predicted = vectors_to_numpy(table.column("task_logits"), (tasks,)).argmax(axis=1)
        np.add.at(counts, (predicted, table.column("sensitive").to_numpy()), 1)
    return counts


def reconstruction_anchors(release: Release, records: Records) -> dict[str, NDArray[Any]]:
    """Rebuild the inputs without the activation: images (N, S, S, 3) uint8 per anchor.

    `mean_image` is the mean of the auxiliary inputs. `thumbnail_8x8` and `copy` look at the input
    itself: what a blur of it scores, and what nothing can surpass.
    """
    inputs = records.known("inputs")
    mean = np.rint(mean_image(release)).astype(np.uint8)
    copy = inputs.permute(0, 2, 3, 1).numpy()
    return {
        "mean_image": np.broadcast_to(mean, copy.shape),
        "thumbnail_8x8": thumbnails(inputs),
        "copy": copy,
    }


def mean_image(release: Release) -> NDArray[np.float64]:
    """Average the auxiliary inputs: (S, S, 3) in [0, 255]."""
    total = np.zeros(release.manifest.image_shape, np.int64)
    images = 0
    for table in release.tables("auxiliary", ("input",)):
        for part in table.to_batches(max_chunksize=CHUNK_IMAGES):
            inputs = decode_images(part.column("input"))
            total += inputs.sum(dim=0).permute(1, 2, 0).numpy()
            images += len(inputs)
    return total / images


def thumbnails(inputs: Tensor) -> NDArray[np.uint8]:
    """Shrink images (N, 3, S, S) uint8 to 8 x 8 by area and enlarge them bilinearly again."""
    parts = inputs.split(CHUNK_IMAGES)
    return np.concatenate([to_uint8(shrunk(part.float() / 255, THUMBNAIL)) for part in parts])


def shrunk(images: Tensor, side: int) -> Tensor:
    """Shrink images (N, 3, S, S) to `side` pixels by area and enlarge them bilinearly again."""
    small = functional.adaptive_avg_pool2d(images, side)
    return functional.interpolate(small, images.shape[-2:], mode="bilinear")
