"""Whether a request that changes something comes from the dashboard's own pages.

The rule is that of Go 1.25's ``http.CrossOriginProtection``: browsers say where a request comes from in
``Sec-Fetch-Site`` or, older ones, in ``Origin``; a request with neither comes from no browser and rides on no login.
"""

from typing import Protocol
from urllib.parse import urlsplit


class Headers(Protocol):
    """Looks a header up by its name, in any case of letters."""

    def get(self, name: str, /) -> str | None: ...


def is_same_origin(headers: Headers, host: str) -> bool:
    """Whether the request to ``host`` with these headers may change something."""
    site = headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == host
