"""When an event is sent again: the schedule, what a receiver asks for, and how long a failing one is left alone."""

import random

#: Seconds after the first, second, ... failure, as Standard Webhooks suggests: three days in all.
SCHEDULE = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
_JITTER = 0.2
#: An endpoint that has only failed for so many seconds is disabled: as long as one event is tried.
PATIENCE = 3 * 86_400
#: The most seconds that a receiver can ask for.
LONGEST_ASKED = 86_400
#: A failing endpoint is not called about anything for 1, 2, 4, ... and at most so many seconds.
_LONGEST_COOLDOWN = 60
_SLOW_DOWN = frozenset({429, 502, 503, 504})


def delay(failures: int, asked: float | None, luck: random.Random) -> float | None:
    """Seconds until an event that has failed so many times is sent again; ``None`` when it has been tried enough."""
    if failures > len(SCHEDULE):
        return None
    usual = SCHEDULE[failures - 1] * luck.uniform(1 - _JITTER, 1 + _JITTER)
    return max(usual, asked or 0.0)


def cooldown(status: int | None, failures: int, asked: float | None) -> float:
    """Seconds for which nothing is sent to an endpoint that has failed ``failures`` times in a row before.

    Nobody home and "slow down" concern all its events, any other answer only the one that was sent.
    """
    if status is not None and status not in _SLOW_DOWN:
        return 0.0
    return max(float(min(_LONGEST_COOLDOWN, 2 ** min(failures, 10))), asked or 0.0)
