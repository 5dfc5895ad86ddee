"""In a worker: how long a task was on its way."""

import os
import time


def record(sent: int) -> None:
    """Notes how many nanoseconds ago (the clock is the machine's) a task was sent."""
    late = time.monotonic_ns() - sent
    with open(os.environ["LATENCIES"], "a", encoding="ascii") as file:
        file.write(f"{late}\n")
