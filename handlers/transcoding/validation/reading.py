"""Where a stream is read from: a folder, or any web server, within bounds."""

from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import requests

from handlers.transcoding.validation.playlist import ByteRange

#: Seconds to wait for a server, and bytes of one playlist and of one segment.
_PATIENCE = (10, 60)
MAX_PLAYLIST, MAX_FILE = 8 * 2**20, 512 * 2**20
_CHUNK = 2**18


class Unreadable(Exception):
    """Something that a playlist names is not there, or not to be had; in words."""


class OutOfBounds(Exception):
    """The stream is larger than what may be read of it; in words."""


class Reader(Protocol):
    """Reads what a URI means. URIs are absolute, or relative to one folder."""

    def read(self, uri: str, part: ByteRange | None = None, most: int = MAX_FILE) -> bytes:
        """The bytes. Raises ``Unreadable``, and ``OutOfBounds``."""

    def place(self, uri: str) -> str:
        """Where what was read under this URI lies, behind redirections; what it names is relative to that."""


class Folder:
    """Files below ``root``."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._asked: set[Path] = set()

    def read(self, uri: str, part: ByteRange | None = None, most: int = MAX_FILE) -> bytes:
        try:
            path = (self._root / unquote(urlsplit(uri).path)).resolve()
            there = path.is_relative_to(self._root) and path.is_file()
        except (OSError, ValueError):  # too long a name, or none
            there = False
        if not there:
            raise Unreadable("is not there")
        if path.stat().st_size > most:
            raise OutOfBounds(f"{uri} has more than {most} bytes")
        self._asked.add(path)
        data = path.read_bytes()
        return data[part.start : part.start + part.length] if part else data

    def place(self, uri: str) -> str:
        return uri

    def orphans(self) -> list[str]:
        """Names of the files that nobody has asked for."""
        files = {path for path in self._root.rglob("*") if path.is_file()}
        return sorted(str(path.relative_to(self._root)) for path in files - self._asked)


class Web:
    """HTTP and HTTPS; no more than ``requests_left`` requests and ``bytes_left`` bytes in all."""

    def __init__(self, *, requests_left: int, bytes_left: int) -> None:
        self._session = requests.Session()
        self._requests_left, self._bytes_left = requests_left, bytes_left
        self._places: dict[str, str] = {}

    def read(self, uri: str, part: ByteRange | None = None, most: int = MAX_FILE) -> bytes:
        if not uri.lower().startswith(("http://", "https://")):
            raise Unreadable("is no http or https address")
        if self._requests_left == 0:
            raise OutOfBounds("the stream has more files than are read; --requests allows more")
        self._requests_left -= 1
        headers = {"Range": f"bytes={part.start}-{part.start + part.length - 1}"} if part else {}
        try:
            with self._session.get(uri, headers=headers, stream=True, timeout=_PATIENCE) as answer:
                self._places[uri] = answer.url
                return self._body(answer, part, most)
        except (requests.RequestException, ValueError) as error:  # the latter of hosts that are none
            raise Unreadable(f"cannot be fetched: {error}") from error

    def place(self, uri: str) -> str:
        return self._places.get(uri, uri)

    def _body(self, answer: requests.Response, part: ByteRange | None, most: int) -> bytes:
        expected = requests.codes.partial_content if part else requests.codes.ok
        if answer.status_code != expected:
            raise Unreadable(f"answers {answer.status_code}, not {expected}")
        body = bytearray()
        for chunk in answer.iter_content(_CHUNK):
            body += chunk
            self._bytes_left -= len(chunk)
            if len(body) > most or self._bytes_left < 0:
                raise OutOfBounds("the stream has more bytes than are read; --megabytes allows more")
        return bytes(body)
