"""A deadline: what is in progress when the time is up is stopped, whatever it is doing."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

AGAIN = 5.0  # seconds: Python drops an exception that is raised while it destroys an object


class TimeIsUp(BaseException):
    """What is in progress did not finish; as Ctrl-C, it is no error for anyone to handle."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Raise `TimeIsUp` in the block after so many seconds, and again until it is left.

    Without any time the block is not entered.
    """
    if seconds <= 0:
        raise TimeIsUp

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise TimeIsUp

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
