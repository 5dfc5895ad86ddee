"""A file from an address that a stranger has chosen, under the guard, up to a size and within a time.

Redirects are followed a few times, each looked at like the first URL. Where the connection breaks, the rest is asked
for, if the server says that it still has the same file; else it begins anew. What is said of a URL never names it: its
query may be a secret.
"""

import re
import socket
import time
from collections.abc import Callable
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException
from typing import IO
from urllib.parse import urljoin

from urllib3 import BaseHTTPResponse
from urllib3.exceptions import HTTPError

from broker.errors import PermanentError
from broker.outbound.exchange import TOO_LATE, Unreachable, connection_to, sendable, unreachable, until
from broker.outbound.guard import Resolver, reach

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
#: Statuses of clients' errors after which the same may succeed later.
_LATER = frozenset({408, 421, 425, 429})
#: Seconds without a byte; tries in a row that bring none.
_SILENCE, _TRIES = 30.0, 4
#: Bytes a second that a file has to come at on average, once it has come for so many seconds.
_SLOWEST, _PATIENCE = 1024, 60.0
_CHUNK = 256 * 1024
_CONTENT_RANGE = re.compile(r"bytes (\d+)-\d+/(?:\d+|\*)", re.ASCII)


class CannotDownload(PermanentError):
    """The file cannot be had from this URL."""


class Download:
    """One file on its way."""

    def __init__(
        self,
        url: str,
        into: IO[bytes],
        *,
        max_bytes: int,
        seconds: float,
        allow_private: bool = False,
        resolve: Resolver = socket.getaddrinfo,
        tell: Callable[[int], None] = lambda size: None,
    ) -> None:
        """``into`` is an empty file. ``seconds`` is for all of it; ``tell`` is told how much is there."""
        self._url, self._into, self._max = url, into, max_bytes
        self._began = time.monotonic()
        self._deadline = self._began + seconds
        self._resolve, self._allow_private, self._tell = resolve, allow_private, tell
        self._size = 0
        #: By which the rest of the same file can be asked for; empty where the server does not say.
        self._validator = ""

    def run(self) -> int:
        """Bytes of the file, all of which are there.

        Raises ``TargetRefused`` and ``CannotDownload`` for what no other try can cure, ``Unreachable`` for the rest.
        """
        failures = redirects = 0
        while True:
            before = self._size
            try:
                redirected = self._try()
            except Unreachable:
                failures = failures + 1 if self._size <= before else 1
                if failures >= _TRIES or time.monotonic() > self._deadline:
                    raise
                continue
            if not redirected:
                return self._size
            redirects += 1
            if redirects > _MOST_REDIRECTS:
                raise CannotDownload(f"The URL leads on to another one more than {_MOST_REDIRECTS} times.")

    def _try(self) -> bool:
        """Gets what is missing; whether another URL is to be asked instead."""
        target, addresses = reach(self._url, allow_private=self._allow_private, resolve=self._resolve)
        left = max(0.05, self._deadline - time.monotonic())
        for number, address in enumerate(addresses):
            connection = connection_to(target, address, min(_SILENCE, left))
            with until(self._deadline, connection) as late:
                try:
                    connection.connect()
                except (OSError, HTTPError) as error:
                    if number + 1 < len(addresses) and not late():
                        continue
                    raise unreachable(error, late()) from None
                headers = sendable(self._asked()) | {"Host": target.netloc or "", "Connection": "close"}
                try:
                    connection.request("GET", target.request_uri, headers=headers, preload_content=False)
                    with closing(connection.getresponse()) as answer:
                        return self._take(answer, late)
                except (OSError, HTTPError, HTTPException) as error:
                    raise unreachable(error, late()) from None
        raise Unreachable("The host name has no address.")

    def _asked(self) -> dict[str, str]:
        headers = {"Accept": "*/*", "User-Agent": "mindia-tasks"}
        if self._size and self._validator:
            return headers | {"Range": f"bytes={self._size}-", "If-Range": self._validator}
        return headers

    def _take(self, answer: BaseHTTPResponse, late: Callable[[], bool]) -> bool:
        if answer.status in _REDIRECTS and (location := answer.headers.get("Location")):
            self._url = urljoin(self._url, location)
            return True
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and self._size:
            self._begin_anew()
            raise Unreachable("The file was changed while it was fetched.")
        _check_status(answer.status)
        found = _CONTENT_RANGE.match(answer.headers.get("Content-Range", ""))
        if answer.status != HTTPStatus.PARTIAL_CONTENT or not found or int(found[1]) != self._size:
            if answer.status == HTTPStatus.PARTIAL_CONTENT:
                raise CannotDownload("The server answers with another part of the file than it was asked for.")
            self._begin_anew()
        self._validator = _validator(answer)
        announced = answer.headers.get("Content-Length", "")
        if announced.isdigit() and self._size + int(announced[:20]) > self._max:
            raise self._too_large()
        while chunk := answer.read(_CHUNK, decode_content=False):
            self._keep(chunk)
        if late():  # what was cut looks like the end
            raise Unreachable(TOO_LATE)
        return False

    def _keep(self, chunk: bytes) -> None:
        self._into.write(chunk)
        self._size += len(chunk)
        if self._size > self._max:
            raise self._too_large()
        seconds = time.monotonic() - self._began
        if seconds > _PATIENCE and self._size / seconds < _SLOWEST:
            raise Unreachable("The file comes too slowly.")
        self._tell(self._size)

    def _begin_anew(self) -> None:
        self._into.seek(0)
        self._into.truncate()
        self._size = 0

    def _too_large(self) -> CannotDownload:
        return CannotDownload(f"The file at the URL is larger than {self._max} bytes.")


def _check_status(status: int) -> None:
    if status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
        return
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        raise CannotDownload(f"The server of the URL does not let us in (HTTP {status}).")
    if status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        raise CannotDownload(f"There is nothing at the URL (HTTP {status}).")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in _LATER:
        raise Unreachable(f"The server of the URL answered with HTTP {status}.")
    raise CannotDownload(f"The server of the URL answered with HTTP {status}.")


def _validator(answer: BaseHTTPResponse) -> str:
    """By which ``If-Range`` asks for the same file: a strong entity tag, else the time of its last change."""
    tag = answer.headers.get("ETag", "")
    if answer.headers.get("Accept-Ranges", "").lower() == "none":
        return ""
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
