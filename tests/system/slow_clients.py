"""A crowd of clients that are slow, silent or endless, and those who want something beside them."""

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection

#: What each says first, and then once a second.
_KINDS = (
    (b"", b""),
    (b"GET /livez HTTP/1.1\r\nHost: x\r\n", b"X: y\r\n"),
    (b"POST /api/tasks HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n%b\r\n{", b" "),
    (
        b"POST /api/videos HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n%b\r\n",
        b"400\r\n" + b"x" * 1024 + b"\r\n",
    ),
    (b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 50, b""),
)


class Crowd:
    """So many connections; whichever is closed is opened again."""

    def __init__(self, port: int, size: int, key: str) -> None:
        self._port, self._key = port, f"Authorization: Bearer {key}\r\n".encode()
        self._stop = threading.Event()
        self._connections: list[socket.socket | None] = [None] * size
        #: How many were opened so far.
        self.opened = 0

    @contextmanager
    def __call__(self) -> Iterator["Crowd"]:
        """From when all are there to the end of the block."""
        self._round()
        thread = threading.Thread(target=self._go_on)
        thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            thread.join()
            for each in self._connections:
                if each:
                    each.close()

    def _go_on(self) -> None:
        while not self._stop.wait(1.0):
            self._round()

    def _round(self) -> None:
        for number, connection in enumerate(self._connections):
            first, crumb = _KINDS[number % len(_KINDS)]
            try:
                if connection is None:
                    self._connections[number] = connection = socket.create_connection(("127.0.0.1", self._port), 10)
                    connection.setblocking(False)
                    self.opened += 1
                    connection.send(first.replace(b"%b", self._key))
                else:
                    connection.send(crumb)
            except BlockingIOError:
                pass
            except OSError:
                if connection:
                    connection.close()
                self._connections[number] = None


def p99(port: int, key: str, seconds: float, clients: int = 4) -> float:
    """Seconds that the slowest of a hundred requests takes; every answer must be 200."""

    def ask(_: int) -> list[float]:
        found, end = [], time.monotonic() + seconds
        connection = HTTPConnection("127.0.0.1", port, timeout=30)
        while time.monotonic() < end:
            started = time.perf_counter()
            connection.request("GET", "/api/tasks?limit=1", headers={"Authorization": f"Bearer {key}"})
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200
            found.append(time.perf_counter() - started)
            time.sleep(0.01)
        connection.close()
        return found

    with ThreadPoolExecutor(clients) as pool:
        found = sorted(each for one in pool.map(ask, range(clients)) for each in one)
    return found[len(found) * 99 // 100]
