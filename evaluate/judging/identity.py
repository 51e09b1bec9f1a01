"""Whose face is it: reconstructions, as a judge sees them, beside a gallery of the real people.

Legend: N images, G people in the gallery, S image side in pixels, D embedding.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...schemas import JudgeFacts

if TYPE_CHECKING:
    from .judges import Judge

Images = NDArray[Any]  # (N, S, S, 3) uint8


@dataclass(frozen=True)
class Identity:
    """How alike a judge finds each of N images to each of G people, and who it really is.

    similarity  N G cosines    own  N column of the person    probe  N bool: not the gallery's own
    """

    similarity: NDArray[np.float64]
    own: NDArray[np.intp]
    probe: NDArray[np.bool_]

    @property
    def probes(self) -> int:
        """How many images are looked for in the gallery."""
        return int(self.probe.sum())

    @property
    def people(self) -> int:
        """How many people are in the gallery."""
        return len(self.similarity.T)

    @property
    def impostor_pairs(self) -> int:
        """How many pairs of a probe and another person's gallery image there are."""
        return self.probes * (self.people - 1)


@dataclass(frozen=True)
class Lineup:
    """A closed gallery: one image of every subject of a split, and a judge who has seen them.

    gallery  G D embeddings    own  N column of the subject    probe  N bool
    """

    judge: "Judge"
    gallery: NDArray[np.float64]
    own: NDArray[np.intp]
    probe: NDArray[np.bool_]

    @classmethod
    def of(cls, judge: "Judge", images: Images, subjects: Sequence[str]) -> "Lineup":
        """Show the judge the gallery of the images (N, S, S, 3) uint8 of `subjects`."""
        rows = gallery_rows(images, subjects)
        people = {subjects[row]: column for column, row in enumerate(rows)}
        probe = np.ones(len(subjects), bool)
        probe[rows] = False
        own = np.array([people[subject] for subject in subjects])
        return cls(judge, judge.embed(images[rows]), own, probe)

    def identify(self, images: Images) -> Identity:
        """Compare what an attack made of the N images (N, S, S, 3) uint8 with the gallery."""
        return Identity(self.judge.embed(images) @ self.gallery.T, self.own, self.probe)

    @property
    def facts(self) -> JudgeFacts:
        """Who judges, and how hard the question is."""
        people, probes = len(self.gallery), int(self.probe.sum())
        return JudgeFacts(
            name=self.judge.name,
            sha256=self.judge.sha256,
            gallery=people,
            probes=probes,
            impostor_pairs=probes * (people - 1),
            chance=1 / people,
        )


def gallery_rows(images: Images, subjects: Sequence[str]) -> list[int]:
    """Choose each subject's gallery image: the one whose pixels have the smallest SHA-256.

    Every other image is a probe. Whoever has one image is in the gallery and is never looked for.
    The rule looks at images alone, so that releases which share their splits share the gallery
    and the probes. Rows of N images (N, S, S, 3) uint8, one of each subject, by subject.

    >>> pictures = np.arange(3, dtype=np.uint8).reshape(3, 1, 1, 1).repeat(3, axis=3)
    >>> gallery_rows(pictures, ["ann", "ann", "bob"])
    [0, 2]
    """
    digests = [hashlib.sha256(image.tobytes()).digest() for image in images]
    chosen: dict[str, int] = {}
    for row in sorted(range(len(subjects)), key=lambda row: (digests[row], row)):
        chosen.setdefault(subjects[row], row)
    return [chosen[subject] for subject in sorted(chosen)]
