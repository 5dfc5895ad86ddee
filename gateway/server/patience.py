"""How long a client is waited for."""

from gateway.server.limits import Limits

#: Whoever sends so few bytes at a time, and has so many times in a request, is listened to less often.
_CRUMB, _CRUMBS = 512, 16


class Patience:
    """Times are those of the loop's clock, in seconds."""

    def __init__(self, limits: Limits, now: float) -> None:
        self._limits = limits
        self._reads = 0
        self.expect(limits.head_seconds, now)

    def expect(self, seconds: float, now: float) -> None:
        """Something whole within so long: a head, a sign of life, the end."""
        self._deadline = now + seconds
        self._for_body = False

    def expect_body(self, now: float) -> None:
        """What follows a head, at a rate that counts from now on."""
        self._for_body, self._waited, self._since = True, 0.0, now

    def pause(self, now: float) -> None:
        """We are at work; the client is not waited for."""
        self._waited += now - self._since

    def go_on(self, now: float) -> None:
        """After ``pause``."""
        self._since = now

    def begin_anew(self) -> None:
        """With the next request."""
        self._reads = 0

    def hasten(self, deadline: float) -> None:
        """Not longer than until then."""
        self._deadline = min(self._deadline, deadline)

    def has_ended(self, now: float, size: int) -> bool:
        """Whether the client has had its time, with so many bytes of a body."""
        if not self._for_body:
            return now > self._deadline
        return self._waited + now - self._since > self._limits.body_seconds + size / self._limits.body_rate

    def is_tried(self, size: int) -> bool:
        """After each read: whether the client sends in crumbs."""
        self._reads += 1
        return self._reads > _CRUMBS and size < _CRUMB
