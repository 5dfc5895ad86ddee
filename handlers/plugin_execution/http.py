"""The HTTP client that plugins get: bounded in time, and with the broker's errors for what goes wrong on the way."""

import socket
import time
from typing import Any
from urllib.parse import urlsplit

from requests import PreparedRequest, RequestException, Response, Session

from broker.errors import RateLimited, TransientError
from broker.outbound.exchange import unresolved
from broker.outbound.retry_after import parse_retry_after
from broker.trace import current

#: Seconds to connect (and for one write), and to wait for the next bytes of an answer.
TIMEOUT = (10.0, 60.0)
#: What a service is given that refuses without saying for how long, and the longest that it is believed.
USUAL_WAIT, _LONGEST_WAIT = 30.0, 3600.0


class Http(Session):
    """A ``requests.Session`` for one run. Raises ``TransientError`` and ``RateLimited``."""

    def __init__(self) -> None:
        super().__init__()
        self.headers.update(current().headers())
        # Anything here keeps requests from sending a password that ~/.netrc has for the host.
        self.auth = _unchanged

    def request(self, method: str, url: str, **options: Any) -> Response:  # type: ignore[override]
        """As in requests; 429 is raised, every other answer is returned."""
        host = urlsplit(url).hostname
        try:
            response = super().request(method, url, **{"timeout": TIMEOUT, "allow_redirects": False, **options})
        except RequestException as error:
            raise TransientError(f"{host} cannot be reached{_told(error)}") from error
        if response.status_code == 429:
            raise RateLimited(
                f"{host} asks for fewer requests.",
                retry_after=retry_after(response.headers.get("Retry-After")) or USUAL_WAIT,
            )
        return response


def retry_after(header: str | None) -> float:
    """Seconds that the service asks us to wait, at most an hour; 0 when it does not say."""
    return parse_retry_after(header, time.time(), _LONGEST_WAIT) or 0.0


def _told(error: RequestException) -> str:
    """What is behind it, where that is a name without an address; else what requests calls it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return f". {unresolved(cause)}"
        cause = cause.__cause__ or cause.__context__
    return f" ({type(error).__name__})."


def _unchanged(request: PreparedRequest) -> PreparedRequest:
    return request
