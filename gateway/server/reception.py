"""Requests as they arrive on one connection: from bytes to a head and a whole body."""

from typing import Any

from gateway.server import head
from gateway.server.body import Body
from gateway.server.refusal import Refusal
from gateway.server.site import Site
from gateway.server.stores import Holding

#: Bytes that are kept of what follows a request that is still worked on.
AHEAD = 32 * 1024


class Reception:
    """Knows nothing of sockets and time: it is fed."""

    def __init__(self, site: Site, peer: Any) -> None:
        self.request: Any = None
        self.body: Body | None = None
        #: Whether the application is to answer although the body is not all there: it may not be sent.
        self.unfinished = False
        self._site, self._peer = site, peer
        self._inbox = bytearray()
        self._searched = 0
        self._number = 0
        self._waits_for_word = False

    @property
    def begun(self) -> bool:
        """Whether anything of a request is there."""
        return bool(self._inbox) or self.request is not None

    @property
    def ready(self) -> bool:
        """Whether the application can answer."""
        return self.request is not None and (self.body is None or self.body.complete or self.unfinished)

    @property
    def reads_ahead(self) -> bool:
        """Whether something of the next request is there."""
        return bool(self._inbox)

    @property
    def is_full(self) -> bool:
        """Whether no more should be read ahead."""
        return len(self._inbox) >= AHEAD

    def feed(self, data: bytes = b"") -> None:
        """Takes what has arrived. Raises ``Refusal``."""
        if self.request is None:
            self._inbox += data
            self._read_head()
        elif self.body and not self.ready:
            self.take_body(self.body.feed(data))
        else:
            self._inbox += data

    def take_body(self, rest: bytes) -> None:
        """After the body was fed; ``rest`` is what lies beyond its end. Raises ``Refusal``."""
        self._inbox += rest
        if self.body and self.body.exceeds:
            self._admit(self.body)

    def wants_continue(self) -> bool:
        """Whether the client waits for the word to send its body (RFC 9110, section 10.1.1); true once."""
        waits, self._waits_for_word = self._waits_for_word, False
        return waits and not self.ready and self.body is not None and not self.body.size

    def finish(self) -> None:
        """Ends the request, and what is kept of it."""
        if self.body:
            self.body.close()
        self.request, self.body, self.unfinished, self._searched = None, None, False, 0

    def _read_head(self) -> None:
        end = head.end_of_head(self._inbox, self._searched)
        self._searched = len(self._inbox)
        limits = self._site.limits
        hopeless = not end and head.is_hopeless(self._inbox, limits.head_bytes)
        if not end and not hopeless:
            return
        self._number += 1
        request = head.parse(self._site.cfg, bytes(self._inbox[:end] if end else self._inbox), self._peer, self._number)
        if hopeless or end > limits.head_bytes:
            raise Refusal(431, "The request's head is too large.")
        del self._inbox[:end]
        self.request = request
        self._waits_for_word, request._expected_100_continue = request._expected_100_continue, False
        length = head.body_length(request)
        if length != 0:
            self._begin_body(Body(length, limits))

    def _begin_body(self, body: Body) -> None:
        self.body = body
        if body.exceeds:
            self._admit(body)
        if not self.unfinished and self._inbox:
            data, self._inbox = bytes(self._inbox), bytearray()
            self.take_body(body.feed(data))
        if body.complete:
            self.request.body = body.rewind()

    def _admit(self, body: Body) -> None:
        """A larger body needs somebody who answers for it; what may not be sent is not waited for."""
        site = self._site
        found = None
        if not body.admitted:
            key = head.header(self.request, "AUTHORIZATION")
            found = site.admit(self.request.method, self.request.path, key)
        if found is None or (body.length or body.size) > found.size:
            self.unfinished = True
            return
        whole = not found.piece or head.header(self.request, found.whole_with) is not None
        body.admit(Holding(site.stores, site.limits, found.owner), found.size, 0 if whole else found.piece)
