"""Time as the scripts see it: real until a test stops it, and then only what the test moves it to."""

from datetime import UTC, datetime, timedelta
from typing import Any

from broker.clock import Clock as SystemClock
from broker.clock import from_rfc3339, to_rfc3339

#: Where the scripts of `broker.engine.scripts.library_for_tests` look.
_KEY = "test:now"


class Clock:
    """The clock of one test."""

    def __init__(self, redis: Any, monkeypatch: Any) -> None:
        self._redis, self._patch = redis, monkeypatch
        self._us: int | None = None

    @property
    def stopped(self) -> bool:
        """Whether it goes on by ``tick`` alone."""
        return self._us is not None

    @property
    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.fromisoformat(to_rfc3339(self._now_us()))

    def freeze(self, at: datetime | str | None = None) -> datetime:
        """Stops the clock, at a moment (an aware ``datetime`` or RFC 3339 text) or now; returns it."""
        if at is None:
            moment = self._now_us()
        else:
            text = at.astimezone(UTC).isoformat() if isinstance(at, datetime) else at
            moment = from_rfc3339(text)
        if not self.stopped:
            self._patch.setattr(SystemClock, "now_us", lambda _: self._now_us())
        self._set(moment)
        return self.now

    def tick(self, by: float | timedelta) -> datetime:
        """Stops the clock if it goes, and moves it on by seconds; returns the moment."""
        seconds = by.total_seconds() if isinstance(by, timedelta) else by
        if seconds < 0:
            raise ValueError("time does not go back")
        return self.freeze(to_rfc3339(self._now_us() + round(seconds * 1_000_000)))

    def _set(self, us: int) -> None:
        self._redis.set(_KEY, us)
        self._us = us

    def _now_us(self) -> int:
        if self._us is not None:
            return self._us
        seconds, micros = self._redis.time()
        return int(seconds) * 1_000_000 + int(micros)
