"""What a user sees of their own submissions, and how they withdraw one; never another's."""

from sqlalchemy import Connection, select

from ...schemas import MissingData, Record, Score, ScoreReport, UsageError
from ..ranking.overfitting import Gap, gap
from ..store.releases import release_name
from .desk import Desk, Received, User, count, enter, note, received_from
from .ledger import LedgerEntry
from .publish import shown, shown_reserve
from .tables import EVENTS, LEDGER, SUBMISSIONS, State

LOG = 20  # lines of history at most


class Line(Record):
    """One line of a submission's history."""

    time: str
    state: State
    message: str


class Mine(Record):
    """One's own submission: where it is, what happened to it, and its published scores.

    `release` is its name, where the board keeps it, with the first digits of its fingerprint.
    `position` counts what is evaluated before it, and itself; None once it has come to an end.
    `overfitting` compares with the latest submission of the same name on validation, `reserve_gap`
    what a model reads on test with what it reads on the reserve.
    """

    id: str
    name: str
    track: str
    release: str
    split: str
    received: str
    private: bool
    state: State
    position: int | None
    log: tuple[Line, ...]
    scores: dict[str, Score] = {}
    overfitting: Gap | None = None
    reserve_gap: Gap | None = None

    @property
    def audience(self) -> str:
        """Who is shown its score: private, the author alone; public, everybody."""
        return "private" if self.private else "public"

    @property
    def can_be_withdrawn(self) -> bool:
        """Whether it still waits, or was scored for its author alone."""
        return self.state is State.RECEIVED or (self.state is State.SCORED and self.private)


def submissions_of(desk: Desk, user: User) -> list[Mine]:
    """One's own submissions, oldest first."""
    mine = select(SUBMISSIONS).where(SUBMISSIONS.c.user == user.name)
    with desk.engine.connect() as connection:
        rows = connection.execute(mine.order_by(SUBMISSIONS.c.number)).mappings().all()
        found = [received_from(row) for row in rows]
        entries = {one.id: _scored(connection, one) for one in found}
        reports = {name: entry.report if entry else None for name, entry in entries.items()}
        return [
            Mine(
                id=one.id,
                name=one.submission.name,
                track=one.submission.track,
                release=release_name(desk.board, one.fingerprint),
                split=one.split,
                received=one.received,
                private=one.private,
                state=one.state,
                position=_position(connection, row["number"], one.state),
                log=_log(connection, one.id),
                scores=_scores(reports[one.id]),
                overfitting=_overfitting(one, found, reports),
                reserve_gap=_reserve_gap(entries[one.id]),
            )
            for row, one in zip(rows, found, strict=True)
        ]


def submission_of(desk: Desk, user: User, submission_id: str) -> Mine:
    """One of one's own submissions; `MissingData` where it is another's, or nobody's."""
    for mine in submissions_of(desk, user):
        if mine.id == submission_id:
            return mine
    raise MissingData(
        f"{user.name} has no submission {submission_id!r}; `leakboard submissions` lists yours"
    )


def withdraw(desk: Desk, user: User, submission_id: str) -> None:
    """Take back a submission of one's own that the board does not show, and delete its file."""
    submission_of(desk, user, submission_id)
    with desk.writing() as connection:
        query = select(SUBMISSIONS).where(SUBMISSIONS.c.id == submission_id)
        received = received_from(connection.execute(query).mappings().one())
        if received.state not in (State.RECEIVED, State.SCORED):
            raise UsageError(f"{submission_id} is {received.state}; there is nothing to withdraw")
        if received.state is State.SCORED and not received.private:
            raise UsageError(
                f"{submission_id} is on the board, where records stay; only private submissions "
                "and those that wait can be withdrawn"
            )
        note(connection, submission_id, State.WITHDRAWN, "withdrawn by its author")
        enter(connection, "withdrawn", received)
    desk.file_of(submission_id).unlink(missing_ok=True)


def _position(connection: Connection, number: int, state: State) -> int | None:
    if state is not State.RECEIVED:
        return None
    waiting = SUBMISSIONS.c.state == State.RECEIVED
    return count(connection, waiting, SUBMISSIONS.c.number <= number)


def _log(connection: Connection, submission_id: str) -> tuple[Line, ...]:
    query = select(EVENTS.c.time, EVENTS.c.state, EVENTS.c.message)
    query = query.where(EVENTS.c.submission == submission_id).order_by(EVENTS.c.number.desc())
    rows = connection.execute(query.limit(LOG)).mappings().all()
    return tuple(Line.model_validate(dict(row)) for row in reversed(rows))


def _scored(connection: Connection, received: Received) -> LedgerEntry | None:
    if received.state is not State.SCORED:
        return None
    query = select(LEDGER.c.content).where(LEDGER.c.submission == received.id)
    content = connection.scalar(query.order_by(LEDGER.c.number.desc()).limit(1))
    return None if content is None else LedgerEntry.model_validate_json(content)


def _scores(report: ScoreReport | None) -> dict[str, Score]:
    return {} if report is None else shown(report).scores


def _overfitting(
    received: Received, others: list[Received], reports: dict[str, ScoreReport | None]
) -> Gap | None:
    report = reports[received.id]
    if report is None or report.split != "test":
        return None
    chosen = [
        other
        for one in others
        if one.submission.name == received.submission.name
        and one.fingerprint == received.fingerprint
        and (other := reports[one.id]) is not None
        and other.split == "validation"
        and other.track == report.track
    ]
    return gap(chosen[-1].headline, shown(report).headline) if chosen else None


def _reserve_gap(entry: LedgerEntry | None) -> Gap | None:
    if entry is None or entry.report is None or entry.reserve is None:
        return None
    return gap(shown(entry.report).headline, shown_reserve(entry.reserve))
