"""The header of a prediction file: which release and split it answers, and what made it."""

import json
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from .base import Record, Sha256
from .records import PublicSplit
from .scores import Setting, Track

METADATA_KEY = b"leakboard"
COLUMN = {Track.ATTRIBUTE: "probabilities", Track.RECONSTRUCTION: "image"}


def _finite(options: dict[str, Any]) -> dict[str, Any]:
    json.dumps(options, allow_nan=False)  # ValueError: a number that JSON cannot hold
    return options


class PredictionHeader(Record):
    """Which release and split the predictions answer, and which attack made them.

    `asked` is how many images the attack was asked about, the first of the split in record order;
    None means all. A `ceiling` read the inputs themselves: a yardstick for attacks, never ranked
    as one.
    """

    schema_version: Literal[1] = 1
    fingerprint: Sha256
    split: PublicSplit
    asked: int | None = Field(default=None, ge=1)
    track: Track
    attack: str = Field(min_length=1, max_length=200)
    options: Annotated[dict[str, Any], AfterValidator(_finite)] = {}
    setting: Setting
    ceiling: bool = False
    repeated_queries: bool = False  # it saw every query of an image that was asked repeatedly
    auxiliary_records: int = Field(ge=0)
    leakboard_version: str
