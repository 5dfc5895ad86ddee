"""The clock that ends a run when its time is up: an exception in the main thread, raised by SIGALRM."""

import math
import signal
import time
from _signal import getsignal  # signal's own looks for an enum first, which takes longer than the timer
from collections.abc import Callable
from types import FrameType

from broker.errors import TaskTimeout

_REAL = int(signal.ITIMER_REAL)
#: Monotonic seconds when the present run's time is up; no run, no end.
_deadline = math.inf
_before: Callable[[], None] | None = None


def install() -> None:
    """Have SIGALRM end runs, and only when their time is up. To be called from the main thread."""
    signal.signal(signal.SIGALRM, _ring)


def start(seconds: float, before: tuple[float, Callable[[], None]] | None = None) -> None:
    """``TaskTimeout`` is raised after so long, unless ``stop`` is called before.

    ``before``: what is called once after a shorter time, if the run goes on for so long.
    """
    global _deadline, _before
    if getsignal(signal.SIGALRM) is not _ring:
        install()
    _deadline, _before = time.monotonic() + seconds, before and before[1]
    signal.setitimer(_REAL, min(seconds, before[0]) if before else seconds)


def stop() -> None:
    """The run is over."""
    global _deadline
    _deadline = math.inf
    signal.setitimer(_REAL, 0)


def _ring(_signal: int, _frame: FrameType | None) -> None:
    global _before
    call, _before = _before, None
    if call:
        call()
    left = _deadline - time.monotonic()
    if left <= 0:
        raise TaskTimeout
    if left < math.inf:  # it was the call before, or somebody else's signal, whose timer may have replaced this one
        signal.setitimer(_REAL, left)
