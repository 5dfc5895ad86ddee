"""The body of a request while it arrives: its end is found, chunks are taken apart, and large ones lie in a file."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from gunicorn.asgi.parser import ParseError, PythonProtocol

from gateway.piece import Piece
from gateway.server.limits import Limits
from gateway.server.refusal import Refusal
from gateway.server.stores import STEP, Holding

#: Puts gunicorn's parser behind a head that says what the request's own said.
_CHUNKED_HEAD = b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
#: Bytes of framing that a chunked body may have, and those for each byte of data: chunks of one byte have five.
_FRAMING, _FRAMING_PER_BYTE = 64 * 1024, 8


class Body:
    """Collects a body of known ``length`` in bytes, or a chunked one (RFC 9112, section 7.1) without."""

    def __init__(self, length: int | None, limits: Limits) -> None:
        self.length = length
        #: Bytes that have arrived.
        self.size = 0
        self.complete = False
        #: Whether it lies in a file by now, which only threads write that may wait for the disk.
        self.on_disk = False
        self._most = limits.stranger_bytes
        self._in_memory = limits.memory_bytes
        self._received = 0
        #: Bytes of a piece, if it is to be given away in pieces, and those that were.
        self._piece = self._given = 0
        self._holding: Holding | None = None
        #: Its own bound is never reached: what is larger is rolled over here.
        self._file = tempfile.SpooledTemporaryFile(max_size=2 * limits.memory_bytes)  # noqa: SIM115
        self._chunks: Any = None
        if length is None:
            self._chunks = PythonProtocol(on_body=self._write)
            self._chunks.feed(_CHUNKED_HEAD)

    @property
    def admitted(self) -> bool:
        """Whether somebody answers for it."""
        return self._holding is not None

    @property
    def exceeds(self) -> bool:
        """Whether more has arrived, or is announced, than may."""
        return max(self.size, self.length or 0) > self._most

    @property
    def in_pieces(self) -> bool:
        """Whether the application is given what there is of it."""
        return self._piece > 0

    @property
    def has_piece(self) -> bool:
        """Whether it is time to do so."""
        return self.in_pieces and self.size - self._given >= self._piece

    @property
    def piece(self) -> Piece | None:
        """What ``rewind`` has, if that may not be all."""
        return Piece(self._given, self.size - self._given) if self.in_pieces else None

    def admit(self, holding: Holding, most: int, piece: int = 0) -> None:
        """Up to ``most`` bytes may arrive from now on, in pieces or together. Raises ``Refusal``."""
        self._holding, self._most, self._piece = holding, most, piece
        fits = (self.length or 0) <= self._in_memory
        if not fits or not holding.in_memory():
            self._to_disk(min(self.length or self.size, piece) if piece else self.length or self.size)

    def feed(self, data: bytes) -> bytes:
        """Takes what has arrived; answers what lies beyond the body's end. Raises ``Refusal``."""
        if self._chunks is not None:
            return self._feed_chunks(data)
        missing = (self.length or 0) - self.size
        self._write(data[:missing])
        self.complete = self.size == self.length
        return data[missing:]

    def rewind(self) -> IO[bytes]:
        """The body from its beginning. Raises ``Refusal``."""
        with _writing():  # what is still in the buffer
            self._file.seek(0)
        return self._file

    def give_away(self) -> None:
        """Forgets what ``rewind`` had: somebody has it. Raises ``Refusal``."""
        self._given = self.size
        with _writing():
            self._file.seek(0)
            self._file.truncate()

    def close(self) -> None:
        """Forgets it; may be repeated."""
        with suppress(OSError):  # what could not be written is not missed
            self._file.close()
        if self._holding:
            self._holding.release()

    def _feed_chunks(self, data: bytes) -> bytes:
        self._received += len(data)
        try:
            self._chunks.feed(data)
        except ParseError as error:
            raise Refusal(400, f"The chunks of the body cannot be read: {error}") from error
        if self._received > _FRAMING + (1 + _FRAMING_PER_BYTE) * self.size:
            raise Refusal(400, "The chunks of the body hold next to nothing.")
        self.complete = self._chunks.is_complete
        return bytes(self._chunks.remaining())

    def _write(self, data: bytes) -> None:
        size = self.size + len(data)
        if self._holding and self.length is None:
            held = _rounded(size - self._given)
            if self.on_disk:
                self._holding.on_disk(held)
            elif size > self._in_memory:
                self._to_disk(held)
        with _writing():
            self._file.write(data)
        self.size = size

    def _to_disk(self, size: int) -> None:
        assert self._holding
        self._holding.on_disk(size)
        with _writing():
            self._file.rollover()
        self.on_disk = True


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refusal(503, "There is no room for this upload now; try again later.", retry_after=10) from error


def _rounded(size: int) -> int:
    return -(-size // STEP) * STEP
