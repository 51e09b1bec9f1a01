"""The desk: who may submit, what was submitted, and what became of it.

`<board>-submissions/` is the organiser's alone: `desk.sqlite` holds users, submissions, their
history and the ledger, `files/` what was submitted. The board that is published holds the scores of
public submissions, and the head of the ledger.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, select, update

from ...schemas import MissingData, Record, Submission, UsageError
from ..store.board import Board
from ..store.database import connect
from .ledger import (
    Event,
    LedgerEntry,
    LedgerHead,
    digest_of,
    publish_head,
    published_head,
    verified,
)
from .tables import EVENTS, HEAD, LEDGER, SUBMISSIONS, UNCOUNTED, USERS, State, create, lock

USER = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
DAILY = 10  # submissions on `test` for each user and UTC day, unless the organiser says otherwise


@dataclass(frozen=True)
class User:
    """Who holds a token, and how many submissions on `test` they may make in a UTC day."""

    name: str
    daily: int


class Received(Record):
    """A submission as it lies on the desk."""

    id: str
    user: str
    received: str
    private: bool
    submission: Submission
    fingerprint: str
    split: str
    predictions: str
    state: State

    @property
    def time(self) -> datetime:
        """When it was received."""
        return datetime.strptime(self.received, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


@dataclass(frozen=True)
class Desk:
    """The desk of a board; safe to use from several processes and, by `url`, machines."""

    board: Path
    folder: Path
    engine: Engine
    url: str | None

    @classmethod
    def set_up(cls, board: Path, url: str | None = None) -> "Desk":
        """Open the desk of the board in the folder `board`, made if it is new.

        `url` is that of a database of this board's own, and defaults to a SQLite file on the desk.
        """
        desk = cls._at(board, url)
        desk.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        create(desk.engine)
        return desk

    @classmethod
    def open(cls, board: Path, url: str | None = None) -> "Desk":
        """Open a desk that `set_up` made; `MissingData` where there is none."""
        desk = cls._at(board, url)
        if not desk.folder.is_dir():
            raise MissingData(
                f"{board}: this board takes no submissions; its organiser begins with "
                f"`leakboard token USER --board {board}`"
            )
        return desk

    @classmethod
    def _at(cls, board: Path, url: str | None) -> "Desk":
        board, folder = board.resolve(), desk_folder(board)
        return cls(board, folder, connect(url, folder / "desk.sqlite"), url)

    def issue_token(self, user: str, daily: int = DAILY) -> str:
        """Make a new token for a user; an earlier one is no longer valid. It is not kept."""
        if not USER.fullmatch(user):
            raise UsageError(
                f"expected the name of a user, up to 40 of a-z, 0-9 and hyphens, but got {user!r}"
            )
        token = secrets.token_urlsafe(32)
        with self.writing() as connection:
            connection.execute(delete(USERS).where(USERS.c.name == user))
            row = {"name": user, "token_sha256": _sha256(token), "daily": daily}
            connection.execute(insert(USERS).values(row))
        return token

    def user_of(self, token: str) -> User:
        """Who holds this token; `UsageError` where nobody does."""
        query = select(USERS.c.name, USERS.c.daily).where(USERS.c.token_sha256 == _sha256(token))
        with self.engine.connect() as connection:
            found = connection.execute(query).first()
        if found is None:
            raise UsageError(
                "this token is not valid here; use the one that the organiser gave you last "
                "(LEAKBOARD_TOKEN holds it for the commands), or ask for a new one"
            )
        return User(*found)

    def user_of_login(self, issuer: str, subject: str) -> User:
        """Who logged in as `subject` of the identity provider `issuer`; both never change.

        `issue_token` for the name of this user gives them a token, and another daily budget.
        """
        name = f"login-{_sha256(json.dumps([issuer, subject]))[:32]}"
        with self.engine.connect() as connection:
            daily = connection.scalar(select(USERS.c.daily).where(USERS.c.name == name))
        return User(name, DAILY if daily is None else daily)

    def file_of(self, submission_id: str) -> Path:
        """Where the file of a submission lies."""
        return self.folder / "files" / submission_id

    def shown(self) -> Board:
        """The board that this desk publishes on, its index in the same database."""
        return Board.open(self.board, self.url)

    def received(self, submission_id: str) -> Received:
        """One submission; `MissingData` where there is none of that id."""
        query = select(SUBMISSIONS).where(SUBMISSIONS.c.id == submission_id)
        with self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            raise MissingData(f"there is no submission {submission_id!r} on {self.folder}")
        return received_from(row)

    def ledger(self) -> list[LedgerEntry]:
        """All entries of the ledger; `BrokenLedger` where one was changed or is gone."""
        with self.engine.connect() as connection:
            contents = connection.scalars(select(LEDGER.c.content).order_by(LEDGER.c.number))
            kept, head = list(contents), _head(connection)
        published = published_head(self.board)
        return verified(kept, [head, *([published] if published else [])])

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that no other writer interrupts; the new head is published at its end."""
        with self.engine.begin() as connection:
            lock(connection)
            before = _head(connection)
            yield connection
            head = _head(connection)
        if head != before:
            publish_head(self.board, head)


def desk_folder(board: Path) -> Path:
    """Where the desk of a board lies, if the board takes submissions."""
    board = board.resolve()
    return board.with_name(f"{board.name}-submissions")


def received_from(row: Mapping[Any, Any]) -> Received:
    """Read a row of the table of submissions."""
    fields = {name: row[name] for name in Received.model_fields if name != "submission"}
    submission = Submission.model_validate_json(row["declaration"])
    return Received(submission=submission, **fields)


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def note(connection: Connection, submission_id: str, state: State, message: str) -> None:
    """Enter a state into the history of a submission, and make it the present one."""
    of_this = SUBMISSIONS.c.id == submission_id
    connection.execute(update(SUBMISSIONS).where(of_this).values(state=state))
    row = {"submission": submission_id, "time": now(), "state": state, "message": message}
    connection.execute(insert(EVENTS).values(row))


def enter(connection: Connection, event: Event, received: Received, **facts: Any) -> None:
    """Append an entry to the ledger, in the transaction of what it records."""
    head = _head(connection)
    entry = LedgerEntry(
        number=head.entries + 1,
        time=now(),
        event=event,
        submission=received.id,
        user=received.user,
        fingerprint=received.fingerprint,
        predictions=received.predictions,
        previous=head.digest,
        **facts,
    )
    row = {"number": entry.number, "submission": received.id, "content": entry.content}
    connection.execute(insert(LEDGER).values(row))
    connection.execute(update(HEAD).values(entries=entry.number, digest=digest_of(entry.content)))


def count(connection: Connection, *conditions: Any) -> int:
    """How many submissions meet all conditions."""
    query = select(func.count()).select_from(SUBMISSIONS).where(*conditions)
    return connection.scalar(query) or 0


def is_known(connection: Connection, content: str, but: str) -> bool:
    """Whether a submission other than `but` that was neither refused nor withdrawn says this."""
    stands = SUBMISSIONS.c.state.not_in((*UNCOUNTED, State.WITHDRAWN))
    return count(connection, SUBMISSIONS.c.content == content, stands, SUBMISSIONS.c.id != but) > 0


def _head(connection: Connection) -> LedgerHead:
    row = connection.execute(select(HEAD.c.entries, HEAD.c.digest)).one()
    return LedgerHead(entries=row.entries, digest=row.digest)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
