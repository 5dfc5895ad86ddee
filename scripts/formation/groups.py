"""Process groups: every process of the formation leads one, so that a signal reaches all that it started."""

import os
import signal
import time
from collections.abc import Iterable

#: How often groups that were told to end are looked at, in seconds.
_POLL = 0.05


def send(group: int, number: int) -> bool:
    """Sends a signal (0 only looks) to every process of a group; whether there was one."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS says the latter of a group of zombies
        return False
    return True


def stop(groups: Iterable[int], grace: float) -> None:
    """SIGTERM to all, ``grace`` seconds to end, then SIGKILL to what is left. For groups that are not our children."""
    left = [group for group in groups if send(group, signal.SIGTERM)]
    deadline = time.monotonic() + grace
    while left and time.monotonic() < deadline:
        time.sleep(_POLL)
        left = [group for group in left if send(group, 0)]
    for group in left:
        send(group, signal.SIGKILL)
