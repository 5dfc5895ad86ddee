"""The head of a request, read by gunicorn's own parser once it is there (RFC 9112)."""

import re
from ipaddress import IPv6Address

from gunicorn.config import Config
from gunicorn.http import errors
from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import IterUnreader

from gateway.server.refusal import Refusal

Address = tuple[str, int] | str
#: Whatever else is wrong is 400.
_STATUS: dict[type[Exception], int] = {
    errors.LimitRequestLine: 414,
    errors.ExpectationFailed: 417,
    errors.LimitRequestHeaders: 431,
    errors.UnsupportedTransferCoding: 501,
}
#: RFC 3986, section 3.2.2: a literal address, or a name; and a port.
_HOST = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|[\w.~!$&'()*+,;=%-]+)(?::([0-9]{0,5}))?", re.ASCII)
_LONGEST_PORT = 65535
_SHOWN = 200


def end_of_head(data: bytearray, start: int) -> int:
    """Where the body begins, or 0 when the head is not all there. ``start`` is how much was searched before."""
    end = data.find(b"\r\n\r\n", max(0, start - 3))
    return end + 4 if end >= 0 else 0


def is_hopeless(data: bytearray, limit: int) -> bool:
    """Whether this begins no head that would be read: it is too long, or has lines that do not end with CRLF."""
    return len(data) > limit or data.count(b"\n") != data.count(b"\r\n")


def parse(cfg: Config, data: bytes, peer: Address, number: int) -> Request:
    """The request that begins so, the ``number``-th of its connection. Raises ``Refusal``."""
    try:
        request = Request(cfg, IterUnreader([data]), peer, number)
    except (errors.ParseException, errors.NoMoreData, StopIteration) as error:
        raise _refusal(error) from error
    _check_host(request)
    return request


def body_length(request: Request) -> int | None:
    """Bytes; ``None`` when the body is chunked."""
    reader = request.body.reader
    return int(reader.length) if isinstance(reader, LengthReader) else None


def header(request: Request, name: str) -> str | None:
    """The value of a header of which there can be only one; its name in capitals."""
    return next((value for found, value in request.headers if found == name), None)


def _refusal(error: Exception) -> Refusal:
    status = _STATUS.get(type(error), 400)
    if isinstance(error, errors.InvalidHTTPVersion) and isinstance(error.version, tuple):
        status = 505
    if isinstance(error, errors.NoMoreData | StopIteration):
        return Refusal(431, "The request's head is too large.")
    return Refusal(status, f"The request's head cannot be read: {error}"[:_SHOWN])


def _check_host(request: Request) -> None:
    """RFC 9112, section 3.2."""
    host = header(request, "HOST")
    if host is None:
        if request.version >= (1, 1):
            raise Refusal(400, "The request has no Host header.", path=request.path)
        return
    found = _HOST.fullmatch(host)
    if not found or not _is_address(found[1]) or int(found[2] or 0) > _LONGEST_PORT:
        raise Refusal(400, "The Host header is no host, or host and port.", path=request.path)


def _is_address(literal: str | None) -> bool:
    try:
        return literal is None or bool(IPv6Address(literal))
    except ValueError:
        return False
