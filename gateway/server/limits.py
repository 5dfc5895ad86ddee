"""How long and how much a client may take."""

from dataclasses import dataclass

_KIB, _MIB = 1024, 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds of one process. Times are in seconds, sizes in bytes."""

    #: Connections; beyond that, those are closed that have been silent longest.
    connections: int = 2048
    #: From a connection's opening, or a request's first byte, until its head is there.
    head_seconds: float = 15.0
    #: A head, its request line included.
    head_bytes: int = 32 * _KIB
    #: A body may take so long, and a second more for so many bytes of it (as in Apache's ``RequestReadTimeout``).
    body_seconds: float = 20.0
    body_rate: int = 500
    #: A body from whoever has shown no key.
    stranger_bytes: int = 32 * _KIB
    #: A body that is kept in memory, and all of those together; larger ones are in files.
    memory_bytes: int = _MIB
    memory_total: int = 64 * _MIB
    #: Without taking a byte of its answer.
    answer_seconds: float = 60.0
    #: For the end of an answer to be read by a client that is still sending, and what is read from it meanwhile.
    linger_seconds: float = 3.0
    linger_bytes: int = 64 * _MIB
    #: Between two looks at a client that sends its request in crumbs.
    crumb_seconds: float = 0.1
