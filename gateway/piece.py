"""A request whose body reaches the application in pieces, each as a request of its own with the same head.

All but the last are answered to the server alone: 2xx, and it reads on; anything else, and that is the answer. A body
that breaks off is given to the application as far as it came. What has arrived is bounded so in memory and on disk, and
lasts although the client, or this process, goes.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

#: Where the application finds its ``Piece``.
PIECE = "mindia.piece"


class Piece(NamedTuple):
    """What ``wsgi.input`` is of the body."""

    #: Bytes of the body that came before, and of this piece.
    start: int
    size: int


def piece_of(environ: Mapping[str, Any]) -> Piece | None:
    """``None`` where a request is whole."""
    found: Piece | None = environ.get(PIECE)
    return found


def goes_on(environ: Mapping[str, Any]) -> bool:
    """Whether earlier pieces of the same request were let in."""
    found = piece_of(environ)
    return found is not None and found.start > 0
