"""Jobs: submissions that a worker holds under a lease, and how they end.

A worker says from time to time that it still works on its job. Where it does not, the lease runs
out and the job is queued again; whoever comes back from the dead finds that its attempt is over.
Each change of state, its line in the history and its entry in the ledger are one transaction.
"""

import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select, update

from ...schemas import Score, ScoreReport
from .desk import Desk, Received, count, enter, is_known, note, received_from
from .likeness import Likeness, nearest
from .tables import HELD, SUBMISSIONS, UNFINISHED, State


class LostLease(Exception):
    """Somebody else has taken over this job."""


@dataclass(frozen=True)
class Job:
    """One attempt at a submission."""

    received: Received
    attempt: int

    @property
    def id(self) -> str:
        """The id of the submission."""
        return self.received.id


def claim(desk: Desk, submission_id: str, lease: float) -> Job | None:
    """Take a queued submission for `lease` seconds; None where it is not, or no longer, queued."""
    queued = (SUBMISSIONS.c.id == submission_id, SUBMISSIONS.c.state == State.RECEIVED)
    with desk.writing() as connection:
        row = connection.execute(select(SUBMISSIONS).where(*queued)).mappings().first()
        if row is None:
            return None
        attempt = row["attempt"] + 1
        held = {"attempt": attempt, "lease_until": time.time() + lease}
        connection.execute(update(SUBMISSIONS).where(*queued).values(held))
        note(connection, submission_id, State.CHECKING, f"attempt {attempt}")
    return Job(received_from({**row, "state": State.CHECKING}), attempt)


def beat(desk: Desk, job: Job, lease: float) -> None:
    """Say that the job is still worked on; `LostLease` where somebody else has taken it over."""
    with desk.writing() as connection:
        _own(connection, job)
        renewed = {"lease_until": time.time() + lease}
        connection.execute(update(SUBMISSIONS).where(SUBMISSIONS.c.id == job.id).values(renewed))


def begin_scoring(desk: Desk, job: Job, likeness: Likeness) -> bool:
    """Go from checking to running, and keep by what the file will be known again.

    Where the same content was submitted before, the job stays where it is; returns whether it goes.
    """
    with desk.writing() as connection:
        _own(connection, job)
        if is_known(connection, likeness.content, job.id):
            return False
        known = {"content": likeness.content, "sample": likeness.sample}
        connection.execute(update(SUBMISSIONS).where(SUBMISSIONS.c.id == job.id).values(known))
        note(connection, job.id, State.RUNNING, "sound; being scored")
    return True


def near(desk: Desk, job: Job, likeness: Likeness) -> str | None:
    """The earliest submission on the board that says nearly the same of the same images."""
    mine = job.received
    query = select(SUBMISSIONS.c.id, SUBMISSIONS.c.sample).where(
        SUBMISSIONS.c.fingerprint == mine.fingerprint,
        SUBMISSIONS.c.split == mine.split,
        SUBMISSIONS.c.state == State.SCORED,
        SUBMISSIONS.c.private.is_(False),
        SUBMISSIONS.c.id != mine.id,
    )
    with desk.engine.connect() as connection:
        others = connection.execute(query.order_by(SUBMISSIONS.c.number)).all()
    return nearest(likeness.sample, ((other.id, other.sample) for other in others))


def score_of(desk: Desk, job: Job, report: ScoreReport, reserve: Score | None = None) -> None:
    """End a job with its scores, and that on the reserve, if there is one."""
    with desk.writing() as connection:
        _own(connection, job)
        note(connection, job.id, State.SCORED, "scored")
        enter(connection, "scored", job.received, report=report, reserve=reserve)


def reject(desk: Desk, job: Job, problems: tuple[str, ...]) -> None:
    """End a job because of what is wrong with the submission."""
    with desk.writing() as connection:
        _own(connection, job)
        note(connection, job.id, State.REJECTED, "\n".join(problems))
        enter(connection, "rejected", job.received, reason="\n".join(problems))


def fail(desk: Desk, job: Job, reason: str) -> None:
    """End a job that could not be done, for a reason that is not the submission's."""
    with desk.writing() as connection:
        _own(connection, job)
        _fail(connection, job.received, reason)


def lose(desk: Desk, job: Job, limit: int, what: str) -> bool:
    """Count a process that a job ended; returns whether the job is queued again."""
    with desk.writing() as connection:
        row = _own(connection, job)
        return _lost(connection, job.received, row.losses + 1, limit, what)


def release_abandoned(desk: Desk, limit: int) -> list[str]:
    """Queue again what was held by workers that have not been heard of; returns the ids.

    What has ended its worker `limit` times is parked: it fails, with its history.
    """
    over = (SUBMISSIONS.c.state.in_(HELD), SUBMISSIONS.c.lease_until < time.time())
    with desk.engine.connect() as connection:  # asked every second: writers are not to wait for it
        if count(connection, *over) == 0:
            return []
    queued = []
    with desk.writing() as connection:
        for row in connection.execute(select(SUBMISSIONS).where(*over)).mappings().all():
            losses = row["losses"] + 1
            if _lost(connection, received_from(row), losses, limit, "its worker was lost"):
                queued.append(row["id"])
    return queued


def queued(desk: Desk) -> list[str]:
    """What waits for a worker, in the order of its coming."""
    waiting = select(SUBMISSIONS.c.id).where(SUBMISSIONS.c.state == State.RECEIVED)
    with desk.engine.connect() as connection:
        return list(connection.scalars(waiting.order_by(SUBMISSIONS.c.number)))


def is_idle(desk: Desk) -> bool:
    """Whether every submission has come to an end."""
    unfinished = select(SUBMISSIONS.c.id).where(SUBMISSIONS.c.state.in_(UNFINISHED)).limit(1)
    with desk.engine.connect() as connection:
        return connection.scalar(unfinished) is None


def _own(connection: Connection, job: Job) -> Row[Any]:
    mine = (
        SUBMISSIONS.c.id == job.id,
        SUBMISSIONS.c.attempt == job.attempt,
        SUBMISSIONS.c.state.in_(HELD),
    )
    row = connection.execute(select(SUBMISSIONS).where(*mine)).first()
    if row is None:
        raise LostLease(job.id)
    return row


def _lost(connection: Connection, received: Received, losses: int, limit: int, what: str) -> bool:
    lost = update(SUBMISSIONS).where(SUBMISSIONS.c.id == received.id).values(losses=losses)
    connection.execute(lost)
    if losses >= limit:
        _fail(connection, received, f"parked: {what}, {losses} times in all")
        return False
    note(connection, received.id, State.RECEIVED, f"{what}; in the queue again")
    return True


def _fail(connection: Connection, received: Received, reason: str) -> None:
    note(connection, received.id, State.FAILED, reason)
    enter(connection, "failed", received, reason=reason)
