"""The worker: takes submissions from the queue and evaluates them, one at a time.

Start another for more at a time, on this machine or, with a networked database, on others.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..desk.desk import Desk
from ..desk.jobs import Job, LostLease, beat, claim, is_idle, queued, release_abandoned
from ..desk.queue import Queue
from .evaluation import Evaluator
from .helpers import Helpers, releases_in

LOG = logging.getLogger(__name__)
LEASE = 60.0  # seconds without a sign after which a worker is taken for dead
LOSSES = 3
POLL = 1.0


class Worker:
    """One worker on a desk; `run` returns when it is stopped or, with `drain`, has nothing left.

    `MissingData` where there is no release, or one without its truth.
    """

    def __init__(
        self,
        desk: Desk,
        releases: Path,
        truths: Path | None = None,
        *,
        lease: float = LEASE,
        losses: int = LOSSES,
        drain: bool = False,
    ) -> None:
        self.desk, self.lease, self.losses, self.drain = desk, lease, losses, drain
        self.helpers = Helpers(desk.folder, truths)
        found = releases_in(releases)
        for release in found.values():  # before a submission would suffer for it
            self.helpers.truth_of(release)
        self.evaluator = Evaluator(desk, found, self.helpers, losses)
        self.queue = Queue(desk, self.evaluate)
        self.consumer = self.queue.huey.create_consumer(max_delay=POLL, periodic=False)

    def run(self) -> None:
        """Work until SIGINT (which lets the job at hand finish) or SIGTERM."""
        logging.getLogger("huey").setLevel(logging.WARNING)
        LOG.info("submissions that wait: %d", len(queued(self.desk)))
        self._requeue()
        watch = threading.Thread(target=self._watch, daemon=True)
        watch.start()
        try:
            self.consumer.run()
        finally:
            self.helpers.close()
            self.queue.close()

    def evaluate(self, submission_id: str) -> None:
        """Evaluate one submission, if it still waits."""
        job = claim(self.desk, submission_id, self.lease)
        if job is None:
            return
        with suppress(LostLease), self._beating(job):
            if self.evaluator(job):
                self.queue.put(job.id)
        LOG.info("%s: %s", job.id, self.desk.received(job.id).state)

    @contextmanager
    def _beating(self, job: Job) -> Iterator[None]:
        over = threading.Event()

        def keep() -> None:
            with suppress(LostLease):
                while not over.wait(self.lease / 3):
                    beat(self.desk, job, self.lease)

        thread = threading.Thread(target=keep, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def _watch(self) -> None:
        """Queue again what was abandoned, and what waits without a message."""
        stop = self.consumer.stop_flag
        try:
            while not stop.wait(min(POLL, self.lease / 3)):
                self._requeue()
                if self.drain and is_idle(self.desk):
                    return
        finally:
            stop.set()

    def _requeue(self) -> None:
        for submission_id in release_abandoned(self.desk, self.losses):
            self.queue.put(submission_id)
        if self.queue.is_empty:
            for submission_id in queued(self.desk):
                self.queue.put(submission_id)
