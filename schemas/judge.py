"""What the file of a judge says about it: a network that tells whether two faces are one person's.

The file is a safetensors file of the network's weights; its header is a `JudgeHeader` under the
metadata key `leakboard`. A judge must not have seen the subjects that it is asked about, so the
header names the images, how they were divided, and the splits that it was trained on.
"""

from typing import Literal

from pydantic import Field

from .base import Record, Sha256
from .config import Precision
from .scores import Score

JUDGE_KEY = "leakboard"
JudgeSplit = Literal["defender", "auxiliary"]


class JudgeHeader(Record):
    """How a judge was trained, and how well it knows the faces of `validation`, which it never saw.

    `secret` is the commitment of the manifest: it and the dataset's revision say how the subjects
    were divided. `validation` holds the scores of unchanged images; what the split is too small
    for is not there.
    """

    schema_version: Literal[1] = 1
    kind: Literal["judge"] = "judge"
    architecture: Literal["face_network"] = "face_network"
    image_size: int = Field(ge=8)
    release: str
    fingerprint: Sha256
    dataset: str
    revision: str
    secret: Sha256
    splits: tuple[JudgeSplit, ...] = Field(min_length=1)
    subjects: int = Field(ge=2)
    images: int = Field(ge=4)
    epochs: int = Field(ge=1)
    precision: Precision
    seed: int
    versions: dict[str, str]
    validation: dict[str, Score]
