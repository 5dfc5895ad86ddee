"""A large body on its way from a connection to its file, by a thread that may wait for the disk."""

import socket
from typing import NamedTuple

from gateway.server.body import Body
from gateway.server.refusal import Refusal

#: Bytes of one read, and how many reads before others have their turn.
_READ, _READS = 256 * 1024, 16


class Collected(NamedTuple):
    """What has come of it: bytes beyond the body's end, what is wrong, whether the client sends no more."""

    rest: bytes = b""
    refusal: Refusal | None = None
    ended: bool = False


def collect(body: Body, sock: socket.socket) -> Collected:
    """Takes what has arrived; ``sock`` does not block."""
    rest = b""
    try:
        for _ in range(_READS):
            data = sock.recv(_READ)
            if not data:
                return Collected(ended=True)
            rest = body.feed(data)
            if body.complete or body.exceeds or body.has_piece:
                break
    except BlockingIOError:
        pass
    except Refusal as refusal:
        return Collected(refusal=refusal)
    except OSError:
        return Collected(ended=True)
    return Collected(rest)
