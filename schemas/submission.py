"""What a submitter declares about an attack, beside the prediction file itself."""

from pydantic import Field

from .base import Record, Sha256
from .scores import Setting, Track


class Submission(Record):
    """Authors, threat model, budget and licence of one submitted attack."""

    name: str = Field(min_length=1, max_length=80)
    authors: tuple[str, ...] = Field(min_length=1)
    track: Track
    setting: Setting
    fingerprint: Sha256
    auxiliary_records: int = Field(ge=0)
    compute: str = Field(min_length=1, max_length=200)
    seeds: tuple[int, ...] = Field(min_length=1)
    licence: str
    paper: str | None = None
    citation: str | None = None
