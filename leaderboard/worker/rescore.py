"""Recompute the scores of the ledger, and report what differs: from the files, and on the board."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from ...schemas import LeaderboardRow, MissingData, Record, ScoreReport
from ...schemas.base import shortened
from ...schemas.files import sha256_of
from ..desk.desk import Desk
from ..desk.ledger import LedgerEntry
from ..desk.publish import shown, shown_reserve
from .helpers import Helpers, Refusal

NAMED = 5  # unknown submissions that a message names


class Difference(Record):
    """What is not as the ledger says of one submission."""

    submission: str
    problem: str


def scored_entries(desk: Desk) -> dict[str, LedgerEntry]:
    """The scores that stand, by submission; `BrokenLedger` where the ledger was changed."""
    standing: dict[str, LedgerEntry] = {}
    for entry in desk.ledger():
        if entry.event == "scored":
            standing[entry.submission] = entry
        elif entry.event == "withdrawn":
            standing.pop(entry.submission, None)
    return standing


def rescore(
    desk: Desk, releases: Mapping[str, Path], helpers: Helpers, chosen: Collection[str]
) -> Iterator[tuple[str, list[Difference]]]:
    """Score the chosen submissions again, or all; yields each with what differs.

    Raises `BrokenLedger` where the ledger is not what was written, `MissingData` where a chosen
    submission has no score in it.
    """
    standing = scored_entries(desk)
    board = {row.submission.id: row for row in desk.shown().rows() if row.submission}
    unknown = [repr(one) for one in dict.fromkeys(chosen) if one not in standing]
    if unknown:
        raise MissingData(
            f"the ledger holds no score of {len(unknown)} of the {len(chosen)} asked for: "
            f"{shortened(unknown, NAMED)}; leave them out"
        )
    for submission_id, entry in standing.items():
        if not chosen or submission_id in chosen:
            problems = [
                *_differences(desk, releases, helpers, entry),
                *_on_the_board(desk, entry, board.get(submission_id)),
            ]
            yield submission_id, [Difference(submission=submission_id, problem=p) for p in problems]


def _differences(
    desk: Desk, releases: Mapping[str, Path], helpers: Helpers, entry: LedgerEntry
) -> Iterator[str]:
    file = desk.file_of(entry.submission)
    if entry.fingerprint not in releases:
        yield f"the release {entry.fingerprint[:12]}… is not here; name its folder with --releases"
    elif not file.is_file():
        yield "its file is gone; restore it from a backup"
    elif sha256_of(file) != entry.predictions:
        yield "its file is not the one that was scored; restore it from a backup"
    else:
        release = releases[entry.fingerprint]
        predicted = helpers.predict(release, desk.received(entry.submission).submission, file)
        again = helpers.score(release, predicted)
        if isinstance(again, Refusal):
            yield f"it can no longer be scored: {'; '.join(again.problems)}"
        elif entry.report is not None:
            yield from _compared(entry.report, again)
        if entry.reserve is not None:
            submission = desk.received(entry.submission).submission
            fresh = helpers.reserve(release, submission, file)
            if fresh != entry.reserve:
                yield f"reserve: was {entry.reserve}, is {fresh}"


def _on_the_board(desk: Desk, entry: LedgerEntry, row: LeaderboardRow | None) -> Iterator[str]:
    """What the board shows, beside what it should."""
    private = desk.received(entry.submission).private
    if row is None and not private:
        yield "the board does not show it; restore its file in the board's folder results"
    elif row is not None and private:
        yield "the board shows it, but it is private; remove its file from the folder results"
    elif row is not None and entry.report is not None:
        for problem in _compared(shown(entry.report), row.report):
            yield f"on the board, {problem}"
        published = row.submission.reserve if row.submission else None
        due = shown_reserve(entry.reserve) if entry.reserve else None
        if published != due:
            yield f"on the board, reserve: was {due}, is {published}"


def _compared(then: ScoreReport, now: ScoreReport) -> Iterator[str]:
    versions = f"scored by {then.leakboard_version}, here by {now.leakboard_version}"
    old, new = then.model_dump(mode="json"), now.model_dump(mode="json")
    for field in old:
        if field != "leakboard_version" and old[field] != new[field]:
            for name, before, after in _parts(field, old[field], new[field]):
                yield f"{name}: was {before}, is {after} ({versions})"


def _parts(name: str, before: object, after: object) -> Iterator[tuple[str, object, object]]:
    """Go down to the values that differ."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            if before.get(key) != after.get(key):
                yield from _parts(f"{name}.{key}", before.get(key), after.get(key))
    else:
        yield name, before, after
