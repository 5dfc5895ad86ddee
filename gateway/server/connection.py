"""One client's connection: waits for a request to be whole, has it answered, and begins anew."""

import logging
import socket
from contextlib import suppress
from enum import Enum
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any

from gateway.server.answer import Answer
from gateway.server.body import Body
from gateway.server.hang_up import HangUp
from gateway.server.reception import Reception
from gateway.server.refusal import Refusal

if TYPE_CHECKING:
    from gateway.server.loop import Loop

log = logging.getLogger(__name__)

#: Bytes of one read, and of those that go to a file, with how many there may be before others have their turn.
_READ, _READ_TO_FILE, _READS_TO_FILE = 16 * 1024, 256 * 1024, 16
#: Whoever sends so few bytes at a time, and has so many times, is listened to less often.
_CRUMB, _CRUMBS = 512, 16
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Phase(Enum):
    """What is waited for."""

    HEAD = "a request"
    BODY = "the rest of it"
    WORK = "one of our threads"
    ANSWER = "the client, to take more of its answer"
    LINGER = "the client, to go"
    CLOSED = "nothing"


class Connection:
    """Its methods run in the loop's thread, but for ``_collect``, ``_begin`` and ``_go_on``."""

    def __init__(self, sock: socket.socket, peer: Any, server: Any, loop: "Loop") -> None:
        sock.setblocking(False)
        self.socket, self.fileno = sock, sock.fileno()
        self.phase = Phase.HEAD
        #: What the loop watches it for, kept by the loop.
        self.events = 0
        #: When the client last did something.
        self.heard_at = loop.clock()
        #: Whether any request of it was answered.
        self.proven = False
        self._peer, self._server, self._loop = peer, server, loop
        self._site, self._limits = loop.site, loop.site.limits
        self._reception = Reception(loop.site, peer)
        self._answer: Answer | None = None
        self._hang_up = HangUp()
        self._deadline = self.heard_at + self._limits.head_seconds
        #: How long the body's rest was waited for, up to when the waiting last began.
        self._waited, self._since = 0.0, 0.0
        self._reads = self._discarded = 0

    @property
    def at_rest(self) -> bool:
        """Whether it is between two requests."""
        return self.phase is Phase.HEAD and not self._reception.begun

    # what happens -----------------------------------------------------------------------------------------------

    def readable(self) -> None:
        """Something has arrived, or the client has gone."""
        body = self._reception.body
        if self.phase is Phase.BODY and body and body.on_disk:
            self._pause(body)
            self._loop.submit(self._collect, body)
            return
        try:
            data = self.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            self._lose()
            return
        now = self.heard_at = self._loop.clock()
        if not data:
            self._hear_the_end()
        elif self.phase is Phase.LINGER:
            self._discard(len(data))
        else:
            if self.at_rest:
                self._deadline = now + self._limits.head_seconds
            self._take(data)

    def writable(self) -> None:
        """The client has taken something."""
        self.heard_at = self._loop.clock()
        self.phase = Phase.WORK
        self._loop.watch(self, 0)
        self._loop.submit(self._go_on)

    def look(self, now: float) -> None:
        """Ends it when the client has had its time."""
        if self.phase is Phase.BODY:
            body = self._reception.body
            allowed = self._limits.body_seconds + (body.size if body else 0) / self._limits.body_rate
            if self._waited + now - self._since > allowed:
                self._refuse(Refusal(408, "The request's body came too slowly."))
        elif self.phase is not Phase.WORK and now > self._deadline:
            if self.phase is Phase.HEAD and self._reception.begun:
                self._refuse(Refusal(408, "The request's head came too slowly."))
            else:
                self.close()

    def hasten(self, deadline: float) -> None:
        """The process stops: a client that is between two requests has until then to begin one."""
        if self.at_rest:
            self._deadline = min(self._deadline, deadline)

    def close(self) -> None:
        """Ends it at once."""
        self._loop.forget(self)
        self.phase = Phase.CLOSED
        self._reception.finish()
        if self._answer:
            self._answer.close()
        self.socket.close()

    # reading ----------------------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> None:
        try:
            self._reception.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if self.phase is Phase.WORK:
            if self._reception.is_full:
                self._loop.watch(self, 0)
            return
        self._move_on()
        self._reads += 1
        if self._reads > _CRUMBS and len(data) < _CRUMB and self.phase in (Phase.HEAD, Phase.BODY):
            self._loop.rest(self)

    def _move_on(self) -> None:
        """To what is missing now."""
        if self._reception.ready:
            self._work()
        elif self._reception.body:
            if self.phase is not Phase.BODY:
                self.phase, self._since = Phase.BODY, self.heard_at
            if self._reception.wants_continue():
                with suppress(OSError):
                    self.socket.send(_CONTINUE)

    def _pause(self, body: Body) -> None:
        """Time is the client's only while it is waited for."""
        self._waited += self._loop.clock() - self._since
        self.phase = Phase.WORK
        self._loop.watch(self, 0)

    def _collect(self, body: Body) -> None:
        """In a thread that may wait for the disk: what has arrived goes to the body's file."""
        rest, outcome, data = b"", None, b"."
        try:
            for _ in range(_READS_TO_FILE):
                data = self.socket.recv(_READ_TO_FILE)
                rest = body.feed(data)
                if not data or body.complete or body.exceeds:
                    break
        except BlockingIOError:
            pass
        except Refusal as refusal:
            outcome = refusal
        except OSError:
            data = b""
        self._loop.call_soon(self._collected, rest, outcome, not data)

    def _collected(self, rest: bytes, refusal: Refusal | None, ended: bool) -> None:
        if self.phase is Phase.CLOSED:
            return
        self.heard_at = self._since = self._loop.clock()
        self.phase = Phase.BODY
        try:
            self._reception.take_body(rest)
        except Refusal as found:
            refusal = refusal or found
        if refusal:
            self._refuse(refusal)
        elif ended and not self._reception.ready:
            self._hear_the_end()
        else:
            self._loop.watch(self, EVENT_READ)
            self._move_on()

    def _hear_the_end(self) -> None:
        """The client sends no more; it may still read."""
        if self.phase is Phase.WORK:
            self._loop.watch(self, 0)
            self._hang_up.happen()
        elif self.phase in (Phase.HEAD, Phase.BODY) and self._reception.begun:
            self._refuse(Refusal(400, "The request ended in the middle."))
        else:
            self.close()

    def _lose(self) -> None:
        """The connection is broken."""
        if self.phase is Phase.WORK:
            self._loop.watch(self, 0)
            self._hang_up.happen()
        else:
            self.close()

    # answering --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self.phase = Phase.WORK
        reads_on = not (self._reception.unfinished or self._reception.is_full or self._hang_up.happened)
        self._loop.watch(self, EVENT_READ if reads_on else 0)
        self._loop.submit(self._begin)

    def _begin(self) -> None:
        """In a thread: has the application answer."""
        reception = self._reception
        if reception.body:
            reception.request.body = reception.body.rewind()
        answer = Answer(reception.request, self.socket, self._peer, self._server, self._site.cfg)
        answer.offer_hang_up(self._hang_up.listen)
        if reception.unfinished or not self._site.keeps_alive:
            answer.response.force_close()
        answer.begin(self._site.application)
        self._answer = answer
        self._go_on()

    def _go_on(self) -> None:
        """In a thread: sends what the client takes."""
        assert self._answer
        ended = self._answer.advance()
        if ended:
            self._answer.close()
            self._site.on_answer(self._answer)
        self._loop.call_soon(self._went_on, ended)

    def _went_on(self, ended: bool) -> None:
        answer = self._answer
        if self.phase is Phase.CLOSED or not answer:
            return
        if not ended:
            self.phase = Phase.ANSWER
            self._deadline = self._loop.clock() + self._limits.answer_seconds
            self._loop.watch(self, EVENT_WRITE)
            return
        self._answer, self.proven = None, True
        self._hang_up.forget()
        closes = answer.failed or answer.response.should_close() or not self._site.keeps_alive
        self._reception.finish()
        if answer.detached:
            self.close()
        elif closes:
            self._linger()
        else:
            self._begin_anew()

    def _begin_anew(self) -> None:
        self.phase = Phase.HEAD
        self._reads, self._waited = 0, 0.0
        now = self.heard_at = self._loop.clock()
        self._deadline = now + self._site.cfg.keepalive
        if self._reception.begun:
            self._deadline = now + self._limits.head_seconds
            self._loop.watch(self, 0 if self._hang_up.happened else EVENT_READ)
            self._take(b"")
        elif self._hang_up.happened:
            self.close()
        else:
            self._loop.watch(self, EVENT_READ)

    # the end ----------------------------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> None:
        log.info("a request from %s was refused with %d: %s", self._peer, refusal.status, refusal.detail)
        with suppress(OSError):
            self.socket.send(refusal.answer())
        self._reception.finish()
        self._linger()

    def _linger(self) -> None:
        """Closed at once, a connection with something unread takes the answer with it (RFC 9112, section 9.6)."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.close()
            return
        if self._hang_up.happened:
            self.close()
            return
        self.phase = Phase.LINGER
        self._deadline = self._loop.clock() + self._limits.linger_seconds
        self._loop.watch(self, EVENT_READ)

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._limits.linger_bytes:
            self.close()
