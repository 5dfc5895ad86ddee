"""Connections that break: a proxy before a server, which cuts them off after so many bytes that a client has sent."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

_CHUNK = 16 * 1024
#: Closed at once, with what is under way lost (RST).
_AT_ONCE = struct.pack("ii", 1, 0)


class Breaking:
    """``port`` leads to the server; each of ``cuts`` is how many bytes of clients pass before the next cut."""

    def __init__(self, target: int) -> None:
        self.cuts: list[int] = []
        self.passed = 0
        #: How many answers to what was done (204) are to be lost.
        self.lost = 0
        #: Of those that were cut off.
        self.broken = 0
        self._target = target
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = [self._listener]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
        for each in self._sockets:
            each.close()

    def _start(self, run: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=run, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            self._start(self._pump, client, server, True)
            self._start(self._pump, server, client, False)

    def _pump(self, source: socket.socket, sink: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(_CHUNK):
                if self._cuts_off(len(data)) if counted else self._loses(data):
                    for each in (source, sink):
                        each.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                        each.shutdown(socket.SHUT_RDWR)  # for who reads of it in another thread
                        each.close()
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:  # the other direction was cut off
            source.close()
            sink.close()

    def _loses(self, answer: bytes) -> bool:
        with self._lock:
            if not self.lost or not answer.startswith(b"HTTP/1.1 204"):
                return False
            self.lost -= 1
            self.broken += 1
            return True

    def _cuts_off(self, size: int) -> bool:
        with self._lock:
            self.passed += size
            if not self.cuts or self.passed < self.cuts[0]:
                return False
            self.passed = 0
            self.broken += 1
            del self.cuts[0]
            return True


@contextmanager
def breaking(target: int) -> Iterator[Breaking]:
    """A proxy to that port of this machine, until the block ends."""
    made = Breaking(target)
    try:
        yield made
    finally:
        made.close()
