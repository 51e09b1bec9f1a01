"""The queue of submissions: huey, in a SQLite file on the desk or in the desk's PostgreSQL.

A message holds a submission's id and nothing else. What becomes of it stands in the desk's tables:
a message that is lost or comes twice changes nothing.
"""

import json
from collections.abc import Callable
from typing import Any

from huey import Huey, PostgresHuey, SqliteHuey
from huey.registry import Message
from huey.serializer import Serializer

from ..store.database import LOCK_SECONDS
from .desk import Desk

NAME = "leakboard"


class JsonSerializer(Serializer):  # type: ignore[misc]
    """Messages as JSON; huey would pickle them."""

    def _serialize(self, message: Message) -> bytes:
        return json.dumps(message).encode()

    def _deserialize(self, content: bytes) -> Message:
        return Message(*json.loads(bytes(content)))


class Queue:
    """Where submissions wait; `work` is what a worker does with one."""

    def __init__(self, desk: Desk, work: Callable[[str], None]) -> None:
        self.huey = _huey(desk)

        def evaluate(submission_id: str) -> None:  # a name that is the same in every process
            work(submission_id)

        self.task: Any = self.huey.task()(evaluate)

    def put(self, submission_id: str) -> None:
        """Let some worker evaluate a submission."""
        self.huey.enqueue(self.task.s(submission_id))

    def close(self) -> None:
        """Close this thread's connection to where the messages are kept."""
        self.huey.storage.close()

    @property
    def is_empty(self) -> bool:
        """Whether no message waits."""
        return bool(self.huey.storage.queue_size() == 0)


def submit_only(submission_id: str) -> None:
    """What a process that only submits would do with a submission."""
    raise NotImplementedError(f"{submission_id} is for a worker")


def _huey(desk: Desk) -> Huey:
    settings = {"results": False, "serializer": JsonSerializer()}
    url = desk.engine.url
    if url.get_backend_name() == "postgresql":
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return PostgresHuey(NAME, dsn=dsn, **settings)
    file = desk.folder / "queue.sqlite"
    return SqliteHuey(NAME, filename=str(file), fsync=True, timeout=LOCK_SECONDS, **settings)
