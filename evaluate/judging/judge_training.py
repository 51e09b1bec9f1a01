"""Train a judge: a face embedding with a margin softmax, on people whom no attack is scored on.

Legend: B batch, N images, S image side in pixels.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...generate import load_client
from ...schemas import JudgeHeader, Release, Score, Track, UsageError
from ...schemas.config import Precision
from ...schemas.judge import JudgeSplit
from ..fitting import Budget, Unencoded, fit, seeded
from ..metrics import ReconstructionOutcome, metrics_of
from ..metrics._identity import IdentityMetric
from ..reading.images import decode_images
from ..reading.records import Records, read_truth
from ..scoring.anchors import shrunk
from ..scoring.intervals import with_intervals
from .identity import Lineup
from .judges import EMBEDDING, FaceNetwork, Judge, judge_of, load_judge, write_judge

EPOCHS = 20
SCALE = 16.0
MARGIN = 0.1
LEARNING_RATE = 5e-3
CENTRES = 0.05  # short at first, so that a step turns them far
LIGHT = 0.2  # largest change of contrast; half of it of brightness
BLURS = (1, 2, 4)  # pixels on a side that become one

Augment = Callable[[Tensor, torch.Generator], Tensor]


class MarginSoftmax(nn.Module):
    """The large-margin cosine loss of Wang et al. 2018 (CosFace), eq. (4), over some people."""

    def __init__(self, network: nn.Module, people: int) -> None:
        super().__init__()
        self.network = network
        self.centres = nn.Parameter(CENTRES * torch.randn(people, EMBEDDING))

    def forward(self, images: Tensor, person: Tensor) -> Tensor:
        """Loss of images (B, 3, S, S) in [0, 1] of the people numbered `person` (B,) int64."""
        embeddings = functional.normalize(self.network(images))
        cosines = embeddings @ functional.normalize(self.centres).T
        handicap = MARGIN * functional.one_hot(person, len(self.centres))
        return functional.cross_entropy(SCALE * (cosines - handicap), person)


def varied(augment: Augment) -> Augment:
    """Add to the flips and shifts of `augment` other light, and blur for some images.

    A judge that knows sharp faces alone may find nobody in a reconstruction.
    """

    def vary(images: Tensor, generator: torch.Generator) -> Tensor:
        """Map (B, 3, S, S) uint8 to (B, 3, S, S) in [0, 1]."""
        moved = augment(images, generator)
        contrast, brightness = 2 * torch.rand(2, len(images), 1, 1, 1, generator=generator) - 1
        lit = ((1 + LIGHT * contrast) * moved + LIGHT / 2 * brightness).clamp(0, 1)
        blurred = torch.rand(len(images), 1, 1, 1, generator=generator) < 0.5
        blur = BLURS[int(torch.randint(len(BLURS), (), generator=generator))]
        return torch.where(blurred, shrunk(lit, lit.shape[-1] // blur), lit)

    return vary


def train_judge(
    release: Release,
    out: Path,
    *,
    splits: Sequence[JudgeSplit] = ("defender",),
    epochs: int = EPOCHS,
    precision: Precision = "float32",
    seed: int = 0,
) -> Judge:
    """Train a judge on the people of `splits`, try it on those of `validation`, write it to `out`.

    Raises `UsageError` where nobody in these splits has two images.
    """
    people = _people(release, splits)
    subjects = len(set(people.subject or ()))
    with seeded(seed):
        network = FaceNetwork()
        objective = MarginSoftmax(network, subjects)
    fit(
        objective,
        lambda batch: objective(batch.images, batch.sensitive),
        people,
        Unencoded(varied(load_client(release.folder).augment)),
        Budget(epochs, LEARNING_RATE, precision=precision),
        seed,
        "judge",
    )
    manifest = release.manifest
    header = JudgeHeader(
        image_size=manifest.dataset.image_size,
        release=manifest.name,
        fingerprint=manifest.fingerprint,
        dataset=manifest.dataset.name,
        revision=manifest.dataset.revision,
        secret=manifest.commitments.secret,
        splits=tuple(splits),
        subjects=subjects,
        images=len(people),
        epochs=epochs,
        precision=precision,
        seed=seed,
        versions={name: version(name) for name in ("leakboard", "torch")},
        validation=_tried(judge_of(out.stem, network), release),
    )
    write_judge(out, network, header)
    return load_judge(str(out))


def _people(release: Release, splits: Sequence[JudgeSplit]) -> Records:
    """The images of some splits; which person it is stands where the sensitive attribute does."""
    columns = ("sample_id", "image_id", "query", "input", "subject")
    table = pa.concat_tables([release.table(split, columns) for split in splits])
    subjects = table.column("subject").to_pylist()
    names, person, images_of = np.unique(subjects, return_inverse=True, return_counts=True)
    if images_of.max() < 2 or len(names) < 2:
        raise UsageError(
            f"{release.manifest.name}: nobody in {' and '.join(splits)} has two images, so there "
            "is no person to learn to recognise; use a release of a dataset with identities"
        )
    return Records(
        manifest=release.manifest,
        split=splits[0],
        sample_id=table.column("sample_id").to_pylist(),
        image_id=table.column("image_id").to_pylist(),
        query=torch.from_numpy(table.column("query").to_numpy().copy()),
        activation=torch.empty(len(subjects), 0),  # a judge sees none
        task_logits=torch.empty(len(subjects), 0),
        inputs=decode_images(table.column("input")),
        sensitive=torch.from_numpy(person),
        subject=subjects,
    )


def _tried(judge: Judge, release: Release) -> dict[str, Score]:
    """How well the judge finds people in unchanged images of `validation`."""
    records = read_truth(release, "validation", None)
    images, subjects = records.known("inputs").permute(0, 2, 3, 1).numpy(), records.subject or ()
    seen = Lineup.of(judge, images, subjects).identify(images)
    outcome = ReconstructionOutcome(images, images, seen)
    asked = {
        name: (metric, outcome)
        for name, metric in metrics_of(Track.RECONSTRUCTION).items()
        if isinstance(metric, IdentityMetric) and metric.lacks(outcome) is None
    }
    return with_intervals(asked, subjects, {})
