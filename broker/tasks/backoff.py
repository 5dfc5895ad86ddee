"""How long a failed task waits: exponential back-off with full jitter.

After M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): the delay is drawn evenly between
zero and ``min(cap, base * 2^n)``, which spreads the retries of tasks that failed together.
"""

import random

BASE_SECONDS = 1.0
CAP_SECONDS = 300.0


def delay(retry_count: int, draw: float | None = None) -> float:
    """Seconds to wait after a run that failed with ``retry_count`` retries used; ``draw`` in [0, 1) fixes the luck."""
    ceiling = min(CAP_SECONDS, BASE_SECONDS * 2.0 ** min(retry_count, 30))
    return ceiling * (random.random() if draw is None else draw)
