"""A stored file as an answer."""

from collections.abc import Callable, Iterable
from http import HTTPStatus
from unicodedata import normalize
from urllib.parse import quote

from flask import Response, request
from werkzeug.exceptions import PreconditionFailed
from werkzeug.http import quote_etag
from werkzeug.wsgi import wrap_file

from broker.media.storage import CHUNK, StoredObject
from broker.secrets.links import LIFETIME_SECONDS
from gateway.byte_range import requested_part
from gateway.current import broker

#: What stands as it is in a name of RFC 8187, beside letters and digits.
_PLAIN = "!#$&+-.^_`|~"


def send_unchanging(key: str, stored: StoredObject) -> Response:
    """The requested range of a stored file, to be cached: what is published under a key does not change."""
    response = send(
        stored, lambda start, length: wrap_file(request.environ, broker().storage.open(key, start, length), CHUNK)
    )
    response.cache_control.public = True
    response.cache_control.max_age = LIFETIME_SECONDS
    response.cache_control.immutable = True
    return response


def send(stored: StoredObject, read: Callable[[int, int], Iterable[bytes]]) -> Response:
    """The requested range of what ``read`` gives from a byte on, so many of them."""
    response = Response()
    response.content_length = stored.size
    response.set_etag(stored.etag)
    response.accept_ranges = "bytes"
    response.make_conditional(request)  # without its ranges, which it looks at before the conditions (13.2.2)
    if response.status_code == HTTPStatus.PRECONDITION_FAILED:
        raise PreconditionFailed()
    if request.method == "GET" and response.status_code == HTTPStatus.OK:
        start, length = _cut(response, stored)
        response.response = read(start, length)
        response.direct_passthrough = True
    return response


def _cut(response: Response, stored: StoredObject) -> tuple[int, int]:
    """Where the answer begins, and its length; of a part of the file, its headers say so."""
    part = requested_part(request.headers.get("Range"), stored.size) if _still_the_same(stored) else None
    if part is None:
        return 0, stored.size
    start, length = part
    response.status_code = HTTPStatus.PARTIAL_CONTENT
    response.content_length = length
    response.content_range.set(start, start + length, stored.size)
    return part


def _still_the_same(stored: StoredObject) -> bool:
    """Whether the client that has other parts has them of this file (RFC 9110, section 13.1.5)."""
    return request.headers.get("If-Range", quote_etag(stored.etag)) == quote_etag(stored.etag)


def disposition(what: str, name: str) -> str:
    """``attachment``, or ``inline``, under a name; for browsers that know ASCII alone, too (RFC 6266, appendix D)."""
    ascii_name = normalize("NFKD", name).encode("ascii", "ignore").decode()
    simple = "".join(each for each in ascii_name if each.isprintable() and each not in '"\\')
    return f"{what}; filename=\"{simple}\"; filename*=UTF-8''{quote(name, safe=_PLAIN)}"
