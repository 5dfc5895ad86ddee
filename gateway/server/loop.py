"""The one thread that watches all connections of a process."""

import heapq
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from gateway.server.connection import Connection
from gateway.server.phase import Phase
from gateway.server.site import Site

log = logging.getLogger(__name__)

#: Seconds between two looks at all connections.
_TICK = 0.5
#: When there is no place, a part of this size is emptied at once: to find who has been silent longest takes a while.
_PART = 32

Submit = Callable[..., Any]


class Loop:
    """Accepts, watches, and looks at the clock; what may take time is ``submit``-ted to threads."""

    def __init__(
        self,
        site: Site,
        listeners: Sequence[socket.socket],
        submit: Submit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.site, self.clock = site, clock
        self._submit = submit
        self.connections: set[Connection] = set()
        self._listeners = listeners
        self._accepting = self._stopped = False
        self._selector = selectors.DefaultSelector()
        self._soon: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
        self._resting: deque[tuple[float, Connection, int]] = deque()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._awake = self._closed = False
        #: Held while the pipe is written to or closed; by one thread again, because a signal's handler interrupts it.
        self._piping = threading.RLock()
        self._selector.register(self._woken, selectors.EVENT_READ)

    # for connections --------------------------------------------------------------------------------------------

    def watch(self, connection: Connection, events: int) -> None:
        """From now on for these ``selectors.EVENT_*``; for none with 0."""
        if events == connection.events:
            return
        if not events:
            self._selector.unregister(connection.fileno)
        elif connection.events:
            self._selector.modify(connection.fileno, events, connection)
        else:
            self._selector.register(connection.fileno, events, connection)
        connection.events = events

    def rest(self, connection: Connection) -> None:
        """Leaves it alone for a moment."""
        events = connection.events
        self.watch(connection, 0)
        self._resting.append((self.clock() + self.site.limits.crumb_seconds, connection, events))

    def forget(self, connection: Connection) -> None:
        """It is about to be closed."""
        self.watch(connection, 0)
        self.connections.discard(connection)

    def call_soon(self, act: Callable[..., None], *args: Any) -> None:
        """Has it done by the loop's thread, never after ``close``; for any thread and for signal handlers."""
        self._soon.append((act, args))
        if not self._awake:
            self._awake = True
            with self._piping, suppress(BlockingIOError):
                if not self._closed:
                    os.write(self._waker, b".")

    def submit(self, act: Callable[..., None], *args: Any) -> None:
        """Has it done by one of the threads that may wait."""
        self._submit(self._do, act, *args)

    # the thread -------------------------------------------------------------------------------------------------

    def run(self, goes_on: Callable[[], bool]) -> None:
        """Serves until ``stop``, or until ``goes_on``, asked every half second, says no."""
        ticked = self.clock()
        self._accept_from(True)
        while not self._stopped:
            self._turn(ticked + _TICK - self.clock())
            if self.clock() - ticked >= _TICK:
                ticked = self.clock()
                self._stopped = self._stopped or not goes_on()
                self._accept_from(True)
                self._look(ticked)

    def stop(self) -> None:
        """Ends ``run`` soon; for any thread and for signal handlers."""
        self._stopped = True
        self.call_soon(lambda: None)

    def finish(self, seconds: float, linger: float, goes_on: Callable[[], bool]) -> None:
        """Takes no new connections, and ends those there are: at rest within ``linger``, at work within ``seconds``."""
        self._accept_from(False)
        self.site.keeps_alive = False
        end = self.clock() + seconds
        last_call = self.clock() + linger
        while self.connections and self.clock() < end and goes_on():
            for connection in self.connections:
                connection.hasten(last_call)
            self._turn(min(0.1, end - self.clock()))
            self._look(self.clock())
        for connection in list(self.connections):
            if connection.phase is not Phase.WORK:  # a thread has it; it goes with the process
                connection.close()

    def close(self) -> None:
        """Gives back what it holds, but for the listeners. Whoever calls ``stop`` or ``call_soon`` later may."""
        with self._piping:
            self._closed = True  # first: a signal may come between any two lines
            self._selector.close()
            os.close(self._woken)
            os.close(self._waker)

    def _turn(self, seconds: float) -> None:
        if self._resting:
            seconds = min(seconds, self._resting[0][0] - self.clock())
        for key, ready in self._selector.select(max(0.0, seconds)):
            if isinstance(key.data, Connection):
                self._attend(key.data, ready)
            elif key.fd == self._woken:
                os.read(self._woken, 4096)
                self._awake = False
            else:
                self._accept(key.fileobj)  # type: ignore[arg-type]
        for _ in range(len(self._soon)):
            act, args = self._soon.popleft()
            self._safely(act, *args)
        while self._resting and self._resting[0][0] <= self.clock():
            _, connection, events = self._resting.popleft()
            if connection.phase in (Phase.HEAD, Phase.BODY):
                self.watch(connection, events)

    def _attend(self, connection: Connection, ready: int) -> None:
        if connection.events & ready & selectors.EVENT_WRITE:
            self._safely(connection.writable)
        elif connection.events & ready & selectors.EVENT_READ:
            self._safely(connection.readable)

    def _do(self, act: Callable[..., None], *args: Any) -> None:
        """In a thread. A connection whose work failed goes no further."""
        try:
            act(*args)
        except Exception:
            log.exception("a connection failed")
            connection = getattr(act, "__self__", None)
            if isinstance(connection, Connection):
                self.call_soon(connection.close)

    def _safely(self, act: Callable[..., None], *args: Any) -> None:
        """One connection's failure is no other's."""
        connection = getattr(act, "__self__", None)
        try:
            act(*args)
        except OSError:
            if isinstance(connection, Connection):
                self.call_soon(connection.broken)
        except Exception:
            log.exception("a connection failed")
            if isinstance(connection, Connection):
                self.call_soon(connection.close)

    def _look(self, now: float) -> None:
        for connection in list(self.connections):
            self._safely(connection.look, now)

    # accepting --------------------------------------------------------------------------------------------------

    def _accept_from(self, wanted: bool) -> None:
        if wanted is self._accepting:
            return
        self._accepting = wanted
        for listener in self._listeners:
            if wanted:
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ)
            else:
                self._selector.unregister(listener)

    def _accept(self, listener: socket.socket) -> None:
        """One alone: processes that wait for the same listener share its connections evenly that way."""
        try:
            sock, peer = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as error:  # too many open files, here or in the whole system
            log.warning("no connection can be accepted: %s", error)
            self._make_room()
            self._accept_from(False)  # until the next tick
            return
        if len(self.connections) >= self.site.limits.connections and not self._make_room():
            sock.close()
            return
        connection = Connection(sock, peer, listener.getsockname(), self)
        self.connections.add(connection)
        self.watch(connection, selectors.EVENT_READ)

    def _make_room(self) -> bool:
        """Closes those that have been silent longest: first who never asked anything, then who rests, then the slow."""
        silent = [each for each in self.connections if each.phase is not Phase.WORK]
        most = max(1, self.site.limits.connections // _PART)
        for each in heapq.nsmallest(most, silent, key=_silence):
            each.close()
        return bool(silent)


def _silence(connection: Connection) -> tuple[int, float]:
    if connection.phase is Phase.LINGER or (connection.phase is Phase.HEAD and not connection.proven):
        return 0, connection.heard_at
    return (1 if connection.at_rest else 2), connection.heard_at
