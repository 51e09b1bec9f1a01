"""The ledger: what happened to every submission, each entry chained to the one before by its hash.

The chain shows that an entry was changed or taken out of the middle; that the last ones were taken
away is shown by the head, the number and the hash of the last entry, which the board publishes.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from ...schemas import BrokenLedger, Record, Score, ScoreReport
from ...schemas.base import Identifier, Sha256
from ...schemas.files import read_json, write_text
from ...schemas.scores import UtcTime

Event = Literal["received", "scored", "rejected", "failed", "withdrawn"]
START = "0" * 64  # what the first entry follows


class LedgerHead(Record):
    """How many entries there are, and the hash of the last."""

    entries: int = Field(ge=0)
    digest: Sha256


class LedgerEntry(Record):
    """One event in the life of a submission; `report` and `reserve` are its exact scores.

    `predictions` is the SHA-256 of the file as it was submitted. The report carries the scorer's
    version and the metrics'.
    """

    number: int = Field(ge=1)
    time: UtcTime
    event: Event
    submission: Identifier
    user: str
    fingerprint: Sha256
    predictions: Sha256
    reason: str | None = None
    report: ScoreReport | None = None
    reserve: Score | None = Field(default=None, exclude_if=lambda score: score is None)
    previous: Sha256

    @property
    def content(self) -> str:
        """The text that is stored and hashed."""
        return json.dumps(self.model_dump(mode="json"), sort_keys=True)


def digest_of(content: str) -> str:
    """The hash by which the next entry refers to this one."""
    return hashlib.sha256(content.encode()).hexdigest()


def verified(contents: Iterable[str], heads: Sequence[LedgerHead]) -> list[LedgerEntry]:
    """Read the entries in order; `BrokenLedger` names the first that is not what was written.

    Every one of `heads` must be found: the ledger may have grown since, but not shrunk.
    """
    digests, entries = [START], []
    for number, content in enumerate(contents, start=1):
        entry = _read(content, number)
        if (entry.number, entry.previous) != (number, digests[-1]):
            raise BrokenLedger(
                f"entry {number} of the ledger does not follow the one before it: an entry was "
                "changed, added or taken away; restore the ledger from a backup"
            )
        digests.append(digest_of(content))
        entries.append(entry)
    for head in heads:
        if head.entries >= len(digests):
            raise BrokenLedger(
                f"the ledger has {len(entries)} entries, but had {head.entries}: the last ones "
                "were taken away; restore the ledger from a backup"
            )
        if digests[head.entries] != head.digest:
            raise BrokenLedger(
                f"entry {head.entries} of the ledger is not the one that was published: the "
                "ledger was written anew; restore it from a backup"
            )
    return entries


def _read(content: str, number: int) -> LedgerEntry:
    try:
        fields = json.loads(content)
    except ValueError:
        raise BrokenLedger(f"entry {number} of the ledger is not JSON; restore it") from None
    return LedgerEntry.parse(fields, f"entry {number} of the ledger", BrokenLedger)


def publish_head(board: Path, head: LedgerHead) -> None:
    """Write the head where the board is published: whoever keeps a copy can tell a change."""
    write_text(board / "ledger.json", head.to_json())


def published_head(board: Path) -> LedgerHead | None:
    """The head that the board publishes; None before the first submission."""
    path = board / "ledger.json"
    return LedgerHead.parse(read_json(path), str(path)) if path.is_file() else None
