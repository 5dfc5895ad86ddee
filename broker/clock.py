"""The one place that reads real time; everything else is given a clock. Redis' own clock rules all promises."""

import time
from datetime import UTC, datetime
from functools import lru_cache


class Clock:
    """Wall time in microseconds since the epoch, monotonic time in seconds."""

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


def to_rfc3339(us: int) -> str:
    """Microseconds since the epoch as ``2024-01-01T00:00:05.123456Z``, the text that RQ and the API use."""
    seconds, micros = divmod(us, 1_000_000)
    return f"{_whole_second(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=64)
def _whole_second(seconds: int) -> str:
    """Kept, because most of what is told in a row happened in the same few seconds."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


def from_rfc3339(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 time. Raises ``ValueError`` for anything without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no UTC offset; add Z or +00:00")
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds
