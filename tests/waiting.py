"""Waiting for what another process does: often looked at, never for long."""

import time
from collections.abc import Callable

#: Seconds for which is waited what takes a moment, on a machine that is busy with everything else.
PATIENCE = 60.0


def wait_until(condition: Callable[[], object], what: str, seconds: float = PATIENCE) -> None:
    """Returns when ``condition`` holds; fails with ``what`` when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:g} s it does not hold that {what}"
        time.sleep(0.02)
