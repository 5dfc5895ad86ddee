"""Waiting for what another process does: often looked at, never for long."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60.0) -> None:
    """Returns when ``condition`` holds; fails with ``what`` when it does not within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"after {seconds:g} s it does not hold that {what}"
        time.sleep(0.02)
