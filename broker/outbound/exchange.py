"""One HTTP exchange with an address that was checked before: one deadline, a bounded answer, nothing followed."""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException

import certifi
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.util import Url

from broker.errors import PermanentError, TransientError

_PORTS = {"http": 80, "https": 443}
_CHUNK = 16 * 1024
TOO_LATE = "There was no answer in time."
#: RFC 9110, sections 5.1 and 5.5.
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
#: What is ours to say: a caller's word could send the request elsewhere, or split it in two.
_OURS = frozenset(
    ("accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "te", "trailer",
     "transfer-encoding", "upgrade")
)  # fmt: skip
#: What resolvers say of a name that does not exist, or has no address; anything else is trouble of their own.
_NO_SUCH_HOST = {
    getattr(socket, name) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY") if hasattr(socket, name)
}


class Unreachable(TransientError):
    """There was no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``headers`` are case-insensitive; ``complete`` is false when the body was cut, by its size or
    by the deadline.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool


class BadRequest(PermanentError):
    """A header cannot be sent: its name or its value has characters that no header may have."""


def exchange(
    target: Url, addresses: Sequence[str], body: bytes, headers: Mapping[str, str], timeout: float, max_bytes: int
) -> Answer:
    """POSTs to the first of the addresses that takes the connection. Raises ``Unreachable``, ``BadRequest``."""
    deadline = time.monotonic() + timeout
    sent = sendable(headers) | {"Host": target.netloc or "", "Connection": "close", "Accept-Encoding": "identity"}
    for number, address in enumerate(addresses):
        connection = connection_to(target, address, max(0.05, deadline - time.monotonic()))
        with until(deadline, connection) as late:
            try:
                connection.connect()
            except (OSError, HTTPError) as error:
                if number + 1 < len(addresses) and not late():
                    continue
                raise unreachable(error, late()) from None
            return _ask(connection, target, body, sent, max_bytes, late)
    raise Unreachable("The host name has no address.")


def host_of(target: Url) -> str:
    """Its host, an IPv6 address without brackets."""
    return (target.host or "").strip("[]")


def port_of(target: Url) -> int:
    return target.port or _PORTS[target.scheme or ""]


def sendable(headers: Mapping[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise BadRequest()
    return {name: value for name, value in headers.items() if name.lower() not in _OURS}


def connection_to(target: Url, address: str, timeout: float) -> HTTPConnection:
    """To the checked address; over TLS, whoever is there has to prove to be the host of the URL."""
    if target.scheme == "http":
        return HTTPConnection(address, port_of(target), timeout=timeout)
    name = host_of(target).rstrip(".")
    return HTTPSConnection(address, port_of(target), timeout=timeout, ssl_context=trusted(), server_hostname=name)


@cache
def trusted() -> ssl.SSLContext:
    """Trusts the system's certificate authorities and the bundled ones; a slim container has none of its own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@contextmanager
def until(deadline: float, connection: HTTPConnection) -> Iterator[Callable[[], bool]]:
    """Cuts the connection at the deadline: a socket's own time-out begins anew with every byte that drips in."""
    passed = threading.Event()

    def cut() -> None:
        passed.set()
        if connection.sock:
            _shut(connection.sock)

    timer = threading.Timer(max(0.0, deadline - time.monotonic()), cut)
    timer.daemon = True
    timer.start()
    try:
        yield passed.is_set
    finally:
        timer.cancel()
        connection.close()


def _shut(sock: socket.socket) -> None:
    with suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)  # not the TLS socket's own, which forgets the session under way


def _ask(
    connection: HTTPConnection,
    target: Url,
    body: bytes,
    headers: dict[str, str],
    max_bytes: int,
    late: Callable[[], bool],
) -> Answer:
    try:
        connection.request("POST", target.request_uri, body=body, headers=headers, preload_content=False)
        response = connection.getresponse()
    except (OSError, HTTPError, HTTPException) as error:
        raise unreachable(error, late()) from None
    if late():  # what was cut among the headers looks like their end
        raise Unreachable(TOO_LATE)
    received, complete = _read(response, max_bytes)
    return Answer(response.status, response.headers, received, complete and not late())


def _read(response: BaseHTTPResponse, max_bytes: int) -> tuple[bytes, bool]:
    """As much of the body as there is and fits. The status is the answer, so a body that breaks off is no failure."""
    received = bytearray()
    with suppress(OSError, HTTPError, HTTPException):
        while len(received) <= max_bytes:
            part = response.read(min(_CHUNK, max_bytes + 1 - len(received)), decode_content=False)
            if not part:
                return bytes(received), True
            received += part
    return bytes(received[:max_bytes]), False


def unresolved(error: OSError) -> str:
    """Why a name has no address, in words.

    A name that does not exist is tried again, too: to ask costs next to nothing, and that of a service which is being
    restarted, moved or set up is missing for a while.
    """
    if error.errno in _NO_SUCH_HOST:
        return "There is no host of this name, or it has no address."
    return "The name server does not tell the host's address at the moment."


def unreachable(error: Exception, late: bool) -> Unreachable:
    """In words that tell the owner of the receiver what to look at, and nobody anything about our network."""
    reason = error.__cause__ or error
    if late or isinstance(reason, TimeoutError) or "timed out" in str(error):
        return Unreachable(TOO_LATE)
    if isinstance(reason, ssl.SSLError):
        told = getattr(reason, "verify_message", "")
        return Unreachable(f"The TLS handshake failed{': ' + told if told else ''}.")
    if isinstance(reason, ConnectionRefusedError):
        return Unreachable("The connection was refused.")
    return Unreachable("The connection failed or was closed before an answer came.")
