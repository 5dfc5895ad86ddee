"""What all signed links have in common: they need no key, and pages of any origin may use them.

Players on other sites must be able to read every answer, above all the errors: without these headers a browser tells a
page nothing of an answer (Fetch standard, section 3.3, "CORS protocol"). So they go by the path and not by the route,
because an error may come before a route is found. The link itself is what lets in, and no browser adds a login of its
own to it: there is nothing to steal. An operator may name the origins all the same (``STREAM_ALLOWED_ORIGINS``).
"""

import re
from collections.abc import Set

from flask import Response

_PATH = re.compile(
    r"/api/(?:videos/[^/]+/(?:stream|thumbnail|download)|images/[^/]+/thumbnail|media/[^/]+/(?:files|source))/"
)
_METHODS = "GET, HEAD, OPTIONS"
_READABLE = {
    "Access-Control-Expose-Headers": "Accept-Ranges, Content-Disposition, Content-Encoding, Content-Length, "
    "Content-Range, Date, ETag, Retry-After",
}
_PREFLIGHT = {
    "Allow": _METHODS,
    "Access-Control-Allow-Methods": _METHODS,
    # Whatever a player adds; the name for those few browsers that do not know the asterisk.
    "Access-Control-Allow-Headers": "*, Range",
    # For which a browser remembers it; none does so for longer than a day.
    "Access-Control-Max-Age": "86400",
}


def is_signed(path: str) -> bool:
    """Whether it is the path of a signed link, right or wrong."""
    return _PATH.match(path) is not None


def allow_origins(response: Response, origin: str | None, allowed: Set[str]) -> None:
    """Lets a page of another origin read this answer: of any where none is named, else of those that are."""
    if not allowed:
        response.headers["Access-Control-Allow-Origin"] = "*"
    else:
        response.vary.add("Origin")
        if (origin or "").lower() not in allowed:
            return
        response.headers["Access-Control-Allow-Origin"] = origin or ""
    response.headers.update(_READABLE)


def preflight() -> Response:
    """What a browser is told that asks first whether a page may ask."""
    response = Response(status=204, headers=_PREFLIGHT)
    response.headers.remove("Content-Type")  # there is no content
    return response
