"""A bound on how long a command waits."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from scripts.cli.failure import TIMED_OUT, Failure
from scripts.cli.interrupts import AGAIN
from scripts.cli.words import duration


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Raises ``Failure`` inside the block when it lasts longer; ``None`` or 0: no limit."""
    seconds = seconds or 0.0

    def ring(*_: object) -> NoReturn:
        raise Failure(f"Not ended after {duration(seconds)}; what runs goes on.", TIMED_OUT, "timed_out")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
