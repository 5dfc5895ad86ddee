"""Messages between a worker child and its decoder: MessagePack behind a length of four bytes.

Not pickle: a decoder that a file has taken over must not run anything in the worker.
"""

from typing import IO, Any

import msgspec

#: Bytes of one message: a drawing of 20,000 points has ten million.
_LONGEST = 128 * 2**20
#: Bytes of a message that a pipe's buffer has room for.
_SHORT = 4096
#: How an answer goes on: one of several items, the end, refusals of two kinds, and a fault of the program's own.
ITEM, END, PERMANENT, TRANSIENT, FAULT = range(5)


class Broken(Exception):
    """The other side has ended, or says what no message is."""


def send(pipe: IO[bytes], message: Any, more: bool = False) -> None:
    """Raises ``Broken`` when nobody reads. A short message may wait for the next one, if there is ``more``."""
    body = msgspec.msgpack.encode(message)
    try:
        pipe.write(len(body).to_bytes(4) + body)
        if not more or len(body) > _SHORT:
            pipe.flush()
    except BrokenPipeError as error:
        raise Broken from error


def receive(pipe: IO[bytes]) -> Any:
    """Wait for a message. Raises ``Broken``."""
    length = int.from_bytes(_exactly(pipe, 4))
    if length > _LONGEST:
        raise Broken(f"a message of {length} bytes")
    try:
        return msgspec.msgpack.decode(_exactly(pipe, length))
    except msgspec.DecodeError as error:
        raise Broken(str(error)) from error


def _exactly(pipe: IO[bytes], length: int) -> bytes:
    data = pipe.read(length)
    if len(data) < length:
        raise Broken("the pipe has ended")
    return data
