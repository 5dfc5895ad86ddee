"""One listener's connection: what waits to be sent to it, and what happens when it does not read."""

import socket
import threading
from collections import deque
from collections.abc import Callable

from gateway.live.frames import notice

#: Bytes that may wait beside what the stream began with; the kernel's buffers come on top.
LIMIT = 256 * 1024
_END = b"0\r\n\r\n"


class Connection:
    """A non-blocking socket and a queue before it. Any thread may offer data; the hub's thread sends what is left."""

    def __init__(self, sock: socket.socket, *, chunked: bool, on_close: Callable[[], None], limit: int = LIMIT) -> None:
        """``chunked``: the body is sent in chunks (RFC 9112, section 7.1), as the head said."""
        sock.setblocking(False)
        self.socket = sock
        self.fileno = sock.fileno()
        #: When the last heartbeat was sent; monotonic seconds, kept by the hub.
        self.beaten_at = 0.0
        #: When its last event was queued; ``None`` before.
        self.ended_at: float | None = None
        self.gone = False
        self.ending = False
        self._chunked = chunked
        self._on_close = on_close
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._begun = False

    @property
    def blocked(self) -> bool:
        """Whether something waits until the socket takes more."""
        return bool(self._waiting) and not self.gone

    @property
    def done(self) -> bool:
        """Whether nothing is to be sent any more."""
        return self.gone or (self.ending and not self._waiting)

    def allow(self, size: int) -> None:
        """So much more may wait, for what the listener missed."""
        self._limit += size

    def offer(self, data: bytes, *, last: bool = False) -> None:
        """Sends now what the socket takes, keeps the rest. A listener that is too far behind is told so and ended."""
        with self._lock:
            if self.gone or self.ending:
                return
            if data:  # a chunk of no bytes would end the body: whoever comes back may have missed nothing
                self._append(data)
            self.ending = last
            if last and self._chunked:
                self._append(_END, framed=True)
            self._send()
            if self._size > self._limit and not self.ending:
                self._cut_off()

    def flush(self) -> None:
        """Sends what the socket takes."""
        with self._lock:
            self._send()

    def close(self) -> None:
        """Ends it at once, whatever waits."""
        with self._lock:
            self.gone = True
            self._waiting.clear()
            self.socket.close()
        self._on_close()

    def _append(self, data: bytes, *, framed: bool = False) -> None:
        if self._chunked and not framed:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        self._waiting.append(data)
        self._size += len(data)

    def _send(self) -> None:
        while self._waiting and not self.gone:
            try:
                sent = self.socket.send(self._waiting[0])
            except BlockingIOError:
                return
            except OSError:
                self.gone = True
                return
            self._size -= sent
            self._begun = sent < len(self._waiting[0])
            if self._begun:
                self._waiting[0] = self._waiting[0][sent:]
            else:
                self._waiting.popleft()

    def _cut_off(self) -> None:
        """Drops what waits, except a piece that is sent in part: without its rest, what follows could not be read."""
        rest = self._waiting.popleft() if self._begun else b""
        self._waiting.clear()
        if rest:
            self._waiting.append(rest)
        self._size = len(rest)
        self._append(notice("cut_off"))
        if self._chunked:
            self._append(_END, framed=True)
        self.ending = True
