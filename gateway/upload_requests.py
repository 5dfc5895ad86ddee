"""Requests to ``/api/uploads`` as browsers of other sites and old proxies send them.

Pages of origins that an operator has named (``UPLOAD_ALLOWED_ORIGINS``) may upload with tus-js-client, Uppy and the
like. A browser asks first, without the key (Fetch standard, section 4.8, "CORS-preflight fetch"), and tells a page of
an answer only what that lets it read. The key is what lets in: a page has to send it, no browser adds it by itself.

Where PATCH and DELETE cannot be sent, tus 1.0 has ``X-HTTP-Method-Override``. It counts here and with POST alone:
anywhere else nobody expects a POST to be something else.
"""

import re
from collections.abc import Set
from typing import Any

from flask import Request, Response

_PATH = re.compile(r"/api/uploads(?:/[^/]*)?")
_ONE = re.compile(r"/api/uploads/[^/]+")
_OVERRIDE = "HTTP_X_HTTP_METHOD_OVERRIDE"
_OVERRIDING = ("PATCH", "DELETE")
_METHODS = "POST, GET, HEAD, PATCH, DELETE, OPTIONS"
_READABLE = (
    "Link, Location, Retry-After, Tus-Checksum-Algorithm, Tus-Extension, Tus-Max-Size, Tus-Resumable, Tus-Version, "
    "Upload-Defer-Length, Upload-Expires, Upload-Length, Upload-Metadata, Upload-Offset, X-Request-Id"
)
_PREFLIGHT = {
    "Allow": _METHODS,
    "Access-Control-Allow-Methods": _METHODS,
    # By name: an asterisk would leave out Authorization.
    "Access-Control-Allow-Headers": "Authorization, Content-Type, Idempotency-Key, Traceparent, Tracestate, "
    "Tus-Resumable, Upload-Checksum, Upload-Defer-Length, Upload-Length, Upload-Metadata, Upload-Offset, "
    "X-HTTP-Method-Override, X-Request-Id, X-Requested-With",
    # For which a browser remembers it; none does so for longer than a day.
    "Access-Control-Max-Age": "86400",
}


def is_upload(path: str) -> bool:
    """Whether it is where uploads come in pieces."""
    return _PATH.fullmatch(path) is not None


def is_one(path: str) -> bool:
    """Whether it is the path of one upload."""
    return _ONE.fullmatch(path) is not None


def override_method(sent: dict[str, Any]) -> None:
    """Makes a request what its ``X-HTTP-Method-Override`` says, where that counts."""
    wanted = sent.get(_OVERRIDE)
    if wanted and sent["REQUEST_METHOD"] == "POST" and is_one(sent["PATH_INFO"]) and wanted in _OVERRIDING:
        sent["REQUEST_METHOD"] = wanted


def is_preflight(asked: Request, allowed: Set[str]) -> bool:
    """Whether a browser asks on behalf of a page that may upload."""
    asks = asked.method == "OPTIONS" and "Access-Control-Request-Method" in asked.headers
    return asks and _may(asked.headers.get("Origin"), allowed)


def preflight() -> Response:
    """What it is told."""
    response = Response(status=204, headers=_PREFLIGHT)
    response.headers.remove("Content-Type")  # there is no content
    return response


def allow_origin(response: Response, origin: str | None, allowed: Set[str]) -> None:
    """Lets a page that may upload read this answer."""
    if not allowed:
        return
    response.vary.add("Origin")
    if origin and _may(origin, allowed):
        response.headers["Access-Control-Allow-Origin"] = origin
        response.headers["Access-Control-Expose-Headers"] = _READABLE


def _may(origin: str | None, allowed: Set[str]) -> bool:
    return bool(origin) and ("*" in allowed or str(origin).lower() in allowed)
