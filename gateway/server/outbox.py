"""What waits to be sent to a client; sending never waits for it."""

import os
import socket
from collections import deque
from dataclasses import dataclass
from itertools import takewhile
from typing import IO

#: Pieces in one system call.
_PIECES = 32


@dataclass
class _Part:
    """A part of a file."""

    file: IO[bytes]
    offset: int
    count: int


class Truncated(OSError):
    """A file is shorter than it was when its length was told."""


class Outbox:
    """What gunicorn's response writes to as if it were the socket."""

    def __init__(self, sock: socket.socket) -> None:
        """``sock`` does not block."""
        self._socket = sock
        self._pieces: deque[bytes | memoryview | _Part] = deque()
        self.begun = False

    def sendall(self, data: bytes) -> None:
        """Keeps it for ``flush``."""
        if data:
            self._pieces.append(data)

    def sendfile(self, file: IO[bytes], offset: int = 0, count: int = 0) -> None:
        """Keeps for ``flush`` that a part of a file is to be sent, which stays open until then."""
        self._pieces.append(_Part(file, offset, count))

    def clear(self) -> None:
        """Forgets what is not sent."""
        self._pieces.clear()

    def flush(self) -> bool:
        """Sends what the socket takes; whether that was all. Raises ``OSError`` when the client has gone."""
        try:
            while self._pieces:
                first = self._pieces[0]
                if isinstance(first, _Part):
                    self._send_part(first)
                else:
                    self._send_pieces()
                self.begun = True
        except BlockingIOError:
            return False
        return True

    def _send_part(self, part: _Part) -> None:
        sent = os.sendfile(self._socket.fileno(), part.file.fileno(), part.offset, part.count)
        if not sent:
            raise Truncated
        part.offset += sent
        part.count -= sent
        if not part.count:
            self._pieces.popleft()

    def _send_pieces(self) -> None:
        pieces = [each for each in takewhile(lambda piece: not isinstance(piece, _Part), self._pieces)][:_PIECES]
        sent = self._socket.sendmsg(pieces)  # type: ignore[arg-type]
        for piece in pieces:
            if sent < len(piece):  # type: ignore[arg-type]
                self._pieces[0] = memoryview(piece)[sent:]  # type: ignore[arg-type]
                return
            sent -= len(piece)  # type: ignore[arg-type]
            self._pieces.popleft()
