"""One thread for all listeners of a process: sends what waits, keeps quiet streams alive, notices who has gone."""

import atexit
import logging
import os
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from broker.errors import Crowded
from gateway.live.connection import Connection
from gateway.live.frames import HEARTBEAT, notice
from gateway.shares import Shares

log = logging.getLogger(__name__)

#: In one process. A tenant alone gets half of them.
MOST_LISTENERS = 1024
#: Seconds of silence before a heartbeat, and seconds that a listener has to read the last event before it is closed.
_HEARTBEAT, _LINGER = 15.0, 30.0


class Hub:
    """The listeners. The thread starts with the first, so that a process may fork before."""

    def __init__(self, most: int = MOST_LISTENERS, heartbeat: float = _HEARTBEAT, linger: float = _LINGER) -> None:
        self._heartbeat, self._linger = heartbeat, linger
        self._places = Shares(most)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = False
        #: How many were refused since the last that was admitted.
        self._refused = 0
        self._connections: dict[int, Connection] = {}
        self._changed: deque[Connection] = deque()

    def take_place(self, tenant: str) -> Callable[[], None]:
        """A place for a listener; the function returned gives it back.

        Raises ``Crowded`` when this tenant gets no more here; of those, ten are asked to come back each second.
        """
        if self._stopping or not self._places.take(tenant):
            self._refused += 1
            message = "No more can listen here; connect again later."
            raise Crowded(message, retry_after=min(60.0, 1 + self._refused / 10))
        return partial(self._places.give_back, tenant)

    def count(self) -> int:
        """How many places are taken."""
        return max(self._places.taken, len(self._connections))

    def adopt(self, connection: Connection) -> None:
        """Serves a connection from now on, until either side ends it."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._start()
        self._refused = 0
        connection.beaten_at = time.monotonic()
        self._connections[connection.fileno] = connection
        self.look_at(connection)

    def look_at(self, connection: Connection) -> None:
        """To be called after something was offered to the connection: its registration may have to change."""
        if not connection.done and not connection.blocked and connection.fileno in self._registered:
            return
        self._changed.append(connection)
        self._wake()

    def stop(self) -> None:
        """Ends all streams soon; returns at once, safe in a signal handler."""
        self._stopping = True
        if self._thread is not None:
            self._wake()

    # the thread -------------------------------------------------------------------------------------------------

    def _start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._registered: set[int] = set()
        self._woken, self._waker = os.pipe()
        os.set_blocking(self._woken, False)
        os.set_blocking(self._waker, False)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._serve, name="hub", daemon=True)
        self._thread.start()
        atexit.register(self._end)

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # a full pipe wakes the thread as well
            os.write(self._waker, b".")

    def _end(self) -> None:
        """At the end of the process: tells the listeners, as far as that takes no more than two seconds."""
        self.stop()
        if self._thread is not None:
            self._thread.join(2.0)

    def _serve(self) -> None:
        looked = time.monotonic()
        while not (self._stopping and not self._connections):
            try:
                for key, ready in self._selector.select(min(1.0, self._heartbeat / 2)):
                    self._attend(key.fd, ready)
                while self._changed:
                    self._update(self._changed.popleft())
                if self._stopping or time.monotonic() - looked >= min(1.0, self._heartbeat / 2):
                    looked = time.monotonic()
                    self._look_after_all(looked)
            except Exception:
                log.exception("serving event streams failed")

    def _attend(self, descriptor: int, ready: int) -> None:
        if descriptor == self._woken:
            os.read(self._woken, 65536)
            return
        connection = self._connections[descriptor]
        if ready & selectors.EVENT_WRITE:
            connection.flush()
        if ready & selectors.EVENT_READ and _has_gone(connection.socket):
            connection.gone = True
        self._update(connection)

    def _update(self, connection: Connection) -> None:
        """Registers the connection for the events that matter to it now, or removes it when it is done."""
        if self._connections.get(connection.fileno) is not connection:
            return
        known = connection.fileno in self._registered
        if connection.done:
            if known:
                self._selector.unregister(connection.fileno)
                self._registered.remove(connection.fileno)
            del self._connections[connection.fileno]
            connection.close()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if connection.blocked else 0)
        (self._selector.modify if known else self._selector.register)(connection.fileno, events)
        self._registered.add(connection.fileno)

    def _look_after_all(self, now: float) -> None:
        for connection in list(self._connections.values()):
            if self._stopping:
                connection.offer(notice("stopped"), last=True)
            elif now - connection.beaten_at >= self._heartbeat:
                connection.offer(HEARTBEAT)
                connection.beaten_at = now
            if connection.ending and connection.ended_at is None:
                connection.ended_at = now
            if connection.ended_at is not None and (self._stopping or now - connection.ended_at > self._linger):
                connection.gone = True
            self._update(connection)


def _has_gone(sock: socket.socket) -> bool:
    """Whether the listener closed its side. Anything that it sends is discarded."""
    try:
        return sock.recv(65536) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
