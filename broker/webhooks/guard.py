"""HTTP to addresses that strangers choose, so that it can neither reach into our network nor hold us up.

A name is resolved once, every address it has is checked, and the connection goes to one that was checked: a second
answer of the name's owner (DNS rebinding) is never asked for. Host, SNI and certificate stay those of the name.
Redirects and proxies are not followed, an answer is read up to a bound, and the whole exchange has one deadline.
"""

import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from typing import Any

import certifi
from urllib3 import BaseHTTPResponse
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, LocationParseError
from urllib3.util import Url, parse_url

from broker.errors import PermanentError, TransientError
from broker.webhooks.addresses import is_public

MAX_URL = 2048
_PORTS = {"http": 80, "https": 443}
_VISIBLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")
_CHUNK = 16 * 1024
_TOO_LATE = "There was no answer in time."

#: As ``socket.getaddrinfo``.
Resolver = Callable[..., list[tuple[Any, ...]]]


class TargetRefused(PermanentError):
    """This address may not be called from here."""


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


def check_url(url: str, *, allow_private: bool = False) -> None:
    """Raises ``TargetRefused`` for what no name server has to be asked about: its form, and addresses in figures."""
    target = _parse(url)
    try:
        found = socket.getaddrinfo(_host(target), None, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return  # a name; its addresses are looked at when it is called
    _check([str(each[4][0]) for each in found], allow_private)


def guarded_post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    allow_private: bool = False,
    timeout: float = 15.0,
    max_bytes: int = 64 * 1024,
    resolve: Resolver = socket.getaddrinfo,
) -> Answer:
    """One POST and its answer, whatever its status. ``timeout``, in seconds, is for everything after the name's lookup.

    Raises ``TargetRefused`` when the URL or an address of its host may not be called, ``Unreachable`` when nobody
    answers in time.
    """
    target = _parse(url)
    addresses = _resolve(target, resolve)
    _check(addresses, allow_private)
    deadline = time.monotonic() + timeout
    sent = {name: value for name, value in headers.items() if name.lower() != "host"}
    sent |= {"Host": target.netloc or "", "Connection": "close", "Accept-Encoding": "identity"}
    for number, address in enumerate(addresses):
        connection = _connection(target, address, max(0.05, deadline - time.monotonic()))
        with _until(deadline, connection) as late:
            try:
                connection.connect()
            except (OSError, HTTPError) as error:
                if number + 1 < len(addresses) and not late():
                    continue
                raise _unreachable(error, late()) from None
            return _exchange(connection, target, body, sent, max_bytes, late)
    raise Unreachable("The host name has no address.")


def _parse(url: str) -> Url:
    if len(url) > MAX_URL or not _VISIBLE.fullmatch(url):
        raise TargetRefused(f"The URL must be 1 to {MAX_URL} visible ASCII characters without a backslash.")
    try:
        target = parse_url(url)
    except LocationParseError:
        raise TargetRefused("The URL is malformed.") from None
    if target.scheme not in _PORTS or not target.host:
        raise TargetRefused("The URL must begin with http:// or https:// and a host.")
    if target.auth is not None:
        raise TargetRefused("The URL must not contain a user name or password.")
    return target


def _host(target: Url) -> str:
    return (target.host or "").strip("[]")


def _port(target: Url) -> int:
    return target.port or _PORTS[target.scheme or ""]


def _resolve(target: Url, resolve: Resolver) -> list[str]:
    """All addresses of the host, in the order to try them."""
    try:
        found = resolve(_host(target), _port(target), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreachable("The host name cannot be resolved.") from None
    return list(dict.fromkeys(each[4][0] for each in found))


def _check(addresses: list[str], allow_private: bool) -> None:
    """One bad address is enough: a name that mixes them is up to no good. The message names none: it is no oracle."""
    if not allow_private and not all(is_public(address) for address in addresses):
        raise TargetRefused("The host is not on the public internet.")


def _connection(target: Url, address: str, timeout: float) -> HTTPConnection:
    """To the checked address; over TLS, whoever is there has to prove to be the host of the URL."""
    if target.scheme == "http":
        return HTTPConnection(address, _port(target), timeout=timeout)
    name = _host(target).rstrip(".")
    return HTTPSConnection(address, _port(target), timeout=timeout, ssl_context=trusted(), server_hostname=name)


@cache
def trusted() -> ssl.SSLContext:
    """Trusts the system's certificate authorities and the bundled ones; a slim container has none of its own."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@contextmanager
def _until(deadline: float, connection: HTTPConnection) -> Iterator[Callable[[], bool]]:
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


def _exchange(
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
        raise _unreachable(error, late()) from None
    if late():  # what was cut among the headers looks like their end
        raise Unreachable(_TOO_LATE)
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


def _unreachable(error: Exception, late: bool) -> Unreachable:
    """In words that tell the owner of the receiver what to look at, and nobody anything about our network."""
    reason = error.__cause__ or error
    if late or isinstance(reason, TimeoutError) or "timed out" in str(error):
        return Unreachable(_TOO_LATE)
    if isinstance(reason, ssl.SSLError):
        told = getattr(reason, "verify_message", "")
        return Unreachable(f"The TLS handshake failed{': ' + told if told else ''}.")
    if isinstance(reason, ConnectionRefusedError):
        return Unreachable("The connection was refused.")
    return Unreachable("The connection failed or was closed before an answer came.")
