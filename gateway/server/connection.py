"""One client's connection: waits for a request to be whole, has it answered, and begins anew."""

import logging
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ, EVENT_WRITE
from typing import TYPE_CHECKING, Any

from gunicorn.http.errors import ConfigurationProblem

from gateway.piece import PIECE
from gateway.server.answer import Answer
from gateway.server.body import Body
from gateway.server.collect import Collected, collect
from gateway.server.hang_up import HangUp
from gateway.server.patience import Patience
from gateway.server.phase import Phase
from gateway.server.reception import Reception
from gateway.server.refusal import Refusal

if TYPE_CHECKING:
    from gateway.server.loop import Loop

log = logging.getLogger(__name__)

#: Bytes of one read, before others have their turn.
_READ = 16 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection:
    """Its methods run in the loop's thread, but for those that say otherwise."""

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
        self._patience = Patience(self._limits, self.heard_at)
        self._answer: Answer | None = None
        self._hang_up = HangUp()
        #: Held to end a request without the loop, and by the loop for what arrives meanwhile.
        self._lock = threading.Lock()
        self._discarded = 0

    @property
    def at_rest(self) -> bool:
        """Whether it is between two requests."""
        return self.phase is Phase.HEAD and not self._reception.begun

    # what happens -----------------------------------------------------------------------------------------------

    def readable(self) -> None:
        """Something has arrived, or the client has gone."""
        body = self._reception.body
        if self.phase is Phase.BODY and body and body.on_disk:
            self._patience.pause(self._loop.clock())
            self.phase = Phase.WORK
            self._loop.watch(self, 0)
            self._loop.submit(self._collect, body)
            return
        with suppress(BlockingIOError):
            self._hear(self.socket.recv(_READ))

    def writable(self) -> None:
        """The client has taken something."""
        self.heard_at = self._loop.clock()
        self.phase = Phase.WORK
        self._loop.watch(self, 0)
        self._loop.submit(self._go_on)

    def broken(self) -> None:
        """The connection is no more."""
        with self._lock:
            if self.phase is Phase.WORK:
                self._hear_at_work(b"")
                return
        if not self._rescue(self.close):
            self.close()

    def look(self, now: float) -> None:
        """Ends it when the client has had its time."""
        body = self._reception.body
        if self.phase is Phase.WORK or not self._patience.has_ended(now, body.size if body else 0):
            return
        if self.phase is Phase.BODY:
            self._break_off(Refusal(408, "The request's body came too slowly."))
        elif self.phase is Phase.HEAD and self._reception.begun:
            self._refuse(Refusal(408, "The request's head came too slowly."))
        else:
            self.close()

    def hasten(self, deadline: float) -> None:
        """The process stops: a client that is between two requests has until then to begin one."""
        if self.at_rest:
            self._patience.hasten(deadline)

    def close(self) -> None:
        """Ends it at once; may be repeated."""
        self._loop.forget(self)
        self.phase = Phase.CLOSED
        self._reception.finish()
        if self._answer:
            self._answer.close()
        self.socket.close()

    # reading ----------------------------------------------------------------------------------------------------

    def _hear(self, data: bytes) -> None:
        self.heard_at = self._loop.clock()
        with self._lock:
            if self.phase is Phase.WORK:
                self._hear_at_work(data)
                return
        if not data:
            self._hear_the_end()
        elif self.phase is Phase.LINGER:
            self._discard(len(data))
        else:
            if self.at_rest:
                self._patience.expect(self._limits.head_seconds, self.heard_at)
            self._take(data)

    def _hear_at_work(self, data: bytes) -> None:
        """The next request, or the end, while this one is worked on."""
        if data:
            self._reception.feed(data)
        else:
            self._hang_up.happen()
        if self._hang_up.happened or self._reception.is_full:
            self._loop.watch(self, 0)

    def _hear_the_end(self) -> None:
        """The client sends no more; it may still read."""
        if self.phase in (Phase.HEAD, Phase.BODY) and self._reception.begun:
            self._break_off(Refusal(400, "The request ended in the middle."))
        else:
            self.close()

    def _take(self, data: bytes) -> None:
        before = self.phase
        try:
            self._reception.feed(data)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._move_on()
        if self.phase is Phase.BODY and before is Phase.HEAD:
            self.readable()  # many send the body right behind
        elif self._patience.is_tried(len(data)) and self.phase in (Phase.HEAD, Phase.BODY):
            self._loop.rest(self)

    def _move_on(self) -> None:
        """To what is missing now."""
        if self._reception.ready:
            self._work()
            return
        if self._reception.body and self.phase is Phase.HEAD:
            self.phase = Phase.BODY
            self._patience.expect_body(self.heard_at)
        if self._reception.wants_continue():
            with suppress(OSError):
                self.socket.send(_CONTINUE)

    def _collect(self, body: Body) -> None:
        """In a thread."""
        self._loop.call_soon(self._collected, collect(body, self.socket))

    def _collected(self, found: Collected) -> None:
        if self.phase is Phase.CLOSED:
            return
        self.phase, self.heard_at = Phase.BODY, self._loop.clock()
        self._patience.go_on(self.heard_at)
        try:
            if found.refusal:
                raise found.refusal
            self._reception.take_body(found.rest)
        except Refusal as refusal:
            self._refuse(refusal)
            return
        if found.ended and not self._reception.ready:
            self._hear_the_end()
            return
        self._wait_for_more()

    def _wait_for_more(self) -> None:
        body = self._reception.body
        if body and body.has_piece and not body.complete:
            self._give_piece(None)
            return
        self._loop.watch(self, EVENT_READ)
        self._move_on()

    # a body in pieces -------------------------------------------------------------------------------------------

    def _break_off(self, refusal: Refusal) -> None:
        """What has arrived of a body is all that comes."""
        if not self._rescue(partial(self._refuse, refusal)):
            self._refuse(refusal)

    def _rescue(self, then: Callable[[], None]) -> bool:
        """Has the application keep what has arrived, and then that done; or answers ``False``."""
        piece = self._reception.body and self._reception.body.piece
        if self.phase is not Phase.BODY or not piece or not piece.size:
            return False
        self._give_piece(then)
        return True

    def _give_piece(self, then: Callable[[], None] | None) -> None:
        """``then`` ends the request; without it, more is read where the application is content."""
        self._patience.pause(self._loop.clock())
        self.phase = Phase.WORK
        self._loop.watch(self, 0)
        self._loop.submit(self._offer_piece, then)

    def _offer_piece(self, then: Callable[[], None] | None) -> None:
        """In a thread."""
        answer = self._ask()
        if answer is None:
            return
        if then or answer.succeeded:
            answer.close()
            self._loop.call_soon(then or self._gave_piece)
            return
        answer.response.force_close()  # the rest of the body is not read
        self._answer = answer
        self._go_on()

    def _gave_piece(self) -> None:
        if self.phase is Phase.CLOSED or not self._reception.body:
            return
        self.phase, self.heard_at = Phase.BODY, self._loop.clock()
        self._patience.go_on(self.heard_at)
        try:
            self._reception.body.give_away()
        except Refusal as refusal:
            self._refuse(refusal)
            return
        self._wait_for_more()

    # answering --------------------------------------------------------------------------------------------------

    def _work(self) -> None:
        self.phase = Phase.WORK
        reads_on = not (self._reception.unfinished or self._reception.is_full or self._hang_up.happened)
        self._loop.watch(self, EVENT_READ if reads_on else 0)
        self._loop.submit(self._begin)

    def _begin(self) -> None:
        """In a thread."""
        self._answer = self._ask()
        if self._answer:
            self._go_on()

    def _ask(self) -> Answer | None:
        """In a thread: has the application answer; ``None`` where it is not asked, and the client is told why."""
        reception = self._reception
        try:
            if reception.body:
                reception.request.body = reception.body.rewind()
            answer = Answer(reception.request, self.socket, self._peer, self._server, self._site.cfg)
        except Refusal as refusal:
            self._loop.call_soon(self._refuse, refusal)
            return None
        except ConfigurationProblem:  # the operator's SCRIPT_NAME is not where the path begins
            self._loop.call_soon(self._refuse, Refusal(404, "There is nothing here; check the path."))
            return None
        answer.offer_hang_up(self._hang_up.listen)
        if reception.body and reception.body.piece:
            answer.environ[PIECE] = reception.body.piece
        if reception.unfinished or not self._site.keeps_alive:
            answer.response.force_close()
        answer.begin(self._site.application)
        return answer

    def _go_on(self) -> None:
        """In a thread: sends what the client takes."""
        assert self._answer
        ended = self._answer.advance()
        if ended:
            self._answer.close()
            self._site.on_answer(self._answer)
            if self._rests_at_once(self._answer):
                return
        self._loop.call_soon(self._went_on, ended)

    def _rests_at_once(self, answer: Answer) -> bool:
        """In a thread: nearly all requests end here, and need no turn of the loop."""
        if answer.detached or self._closes_after(answer):
            return False
        with self._lock:
            if self._reception.reads_ahead or not self.events:
                return False
            self._finish_request()
            self.phase = Phase.HEAD
        return True

    def _went_on(self, ended: bool) -> None:
        answer = self._answer
        if self.phase is Phase.CLOSED or not answer:
            return
        if not ended:
            self.phase = Phase.ANSWER
            self._patience.expect(self._limits.answer_seconds, self._loop.clock())
            self._loop.watch(self, EVENT_WRITE)
            return
        self._finish_request()
        if answer.detached:
            self.close()
        elif self._closes_after(answer):
            self._linger()
        else:
            self._begin_anew()

    def _closes_after(self, answer: Answer) -> bool:
        return bool(answer.failed or answer.response.should_close() or not self._site.keeps_alive)

    def _finish_request(self) -> None:
        self._answer, self.proven = None, True
        self._hang_up.forget()
        self._reception.finish()
        self.heard_at = self._loop.clock()
        self._patience.begin_anew()
        self._patience.expect(self._site.cfg.keepalive, self.heard_at)

    def _begin_anew(self) -> None:
        self.phase = Phase.HEAD
        if self._hang_up.happened and not self._reception.begun:
            self.close()
            return
        self._loop.watch(self, 0 if self._hang_up.happened else EVENT_READ)
        if self._reception.begun:
            self._patience.expect(self._limits.head_seconds, self.heard_at)
            self._take(b"")

    # the end ----------------------------------------------------------------------------------------------------

    def _refuse(self, refusal: Refusal) -> None:
        # Whoever wants to fill the log finds no way here that costs less than a request.
        log.debug("a request from %s was refused with %d: %s", self._peer, refusal.status, refusal.detail)
        if self._reception.request:
            refusal.path = self._reception.request.path
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
        self._patience.expect(self._limits.linger_seconds, self._loop.clock())
        self._loop.watch(self, EVENT_READ)

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._limits.linger_bytes:
            self.close()
