"""A token bucket on virtual time, in the scripts' own integers: microseconds, nano-tokens, starts per 1,000 seconds."""

TOKEN = 1_000_000_000
MICRO = 1_000_000
#: A start is granted so many microseconds before its token is due; as in include/base.lua.
AHEAD = 20_000


class Bucket:
    """As include/limits.lua has it. Without a rate there is always a token."""

    __slots__ = ("_full", "_nano", "_rate", "_since")

    def __init__(self, rate: int | None, burst: int, nano: int) -> None:
        """``nano``: what is in it at the moment 0."""
        self._rate, self._full, self._nano, self._since = rate, burst * TOKEN, nano, 0

    def level(self, now: int) -> int:
        """Nano-tokens, below zero while a start that was granted ahead is still to come."""
        return min(self._full, self._nano + (now - self._since) * (self._rate or 0))

    def due(self, now: int) -> int | None:
        """Microseconds until there is a token; ``None`` for never."""
        if self._rate is None:
            return 0
        missing = TOKEN - self.level(now)
        if missing <= 0:
            return 0
        return -(-missing // self._rate) if self._rate else None

    def spend(self, now: int, ahead: int) -> None:
        """Takes the token that is due in ``ahead``."""
        if self._rate is not None:
            refill = ahead * self._rate
            self._nano, self._since = min(self._full, self.level(now) + refill) - TOKEN - refill, now
