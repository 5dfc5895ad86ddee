"""The HTTP API: calls that answer JSON, and whatever goes wrong as a ``Failure``."""

import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

import requests
from requests.auth import AuthBase

from scripts.cli.access import Access
from scripts.cli.failure import FAILED, NO_SERVER, Failure, Usage, from_problem

#: Seconds to connect, and of silence in an answer.
TIMEOUT = (5, 60)
_KEY = re.compile(r"[ -~]{1,255}")


class Api:
    """One gateway, as the owner of one key sees it. What a method answers is JSON as the API has written it."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._session = requests.Session()
        self._session.auth = _Bearer(access.key)
        self._session.headers["User-Agent"] = "mindia"

    def get(self, path: str, **query: Any) -> Any:
        return self.call("GET", path, params=query)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, json={} if body is None else body, **options)

    def call(self, method: str, path: str, **options: Any) -> Any:
        """``None`` for an answer without content. Raises ``Failure``."""
        answer = self.send(method, path, **options)
        if answer.status_code == 204:
            return None
        try:
            return answer.json()
        except (ValueError, requests.RequestException) as error:
            raise self._no_gateway(answer) from error

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        """An answer with a good status. Raises ``Failure``."""
        try:
            options = {"timeout": TIMEOUT, "allow_redirects": False, **options}
            answer = self._session.request(method, self.access.url + path, **options)
            if not 200 <= answer.status_code < 300:
                self._refuse(answer)
        except requests.RequestException as error:
            raise self._away(error) from error
        return answer

    def _refuse(self, answer: requests.Response) -> NoReturn:
        if answer.is_redirect:
            target = answer.headers["Location"]
            raise Failure(
                f"{self.access.url} redirects to {target}: set MINDIA_URL to where the gateway is.", NO_SERVER
            )
        try:
            problem = answer.json()
        except ValueError:
            problem = None
        if isinstance(problem, dict) and isinstance(problem.get("status"), int) and "code" in problem:
            raise from_problem(problem, self.access.key_from)
        raise self._no_gateway(answer)

    def _no_gateway(self, answer: requests.Response) -> Failure:
        kind = answer.headers.get("Content-Type", "no type").partition(";")[0]
        if answer.status_code in (502, 503, 504):
            return Failure(
                f"The gateway behind {self.access.url} is away ({answer.status_code}): try again.", NO_SERVER
            )
        told = f"{answer.status_code} {kind}"
        where = f"{self.access.url} (from {self.access.url_from})"
        return Failure(f"What answers at {where} is no Mindia Tasks gateway ({told}): set MINDIA_URL.", NO_SERVER)

    def _away(self, error: requests.RequestException) -> Failure:
        if isinstance(error, requests.exceptions.InvalidURL):
            return Failure(f"{self.access.url} is no address: set MINDIA_URL.", FAILED, "no_server")
        local = "make run" in self.access.url_from or self.access.url_from == "the default"
        advice = "start it with `make run`, or set MINDIA_URL" if local else f"check {self.access.url_from}"
        return Failure(f"Nobody answers at {self.access.url} ({cause(error)}): {advice}.", NO_SERVER, "no_server")


class _Bearer(AuthBase):
    """Set as ``auth``, or a key that ~/.netrc has for this host would be sent instead."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request


def cause(error: BaseException) -> str:
    """What the system said of a connection that failed, in a few words."""
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    for each in _chain(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted: {each.verify_message}"
        if isinstance(each, OSError) and each.strerror:
            return each.strerror
    return "the connection broke"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """An error and those it came from; urllib3 keeps them in its arguments, too."""
    while error is not None:
        yield error
        inner = getattr(error, "reason", None) or next((a for a in error.args if isinstance(a, BaseException)), None)
        error = inner or error.__cause__ or error.__context__


def under(key: str | None) -> Mapping[str, str]:
    """The header of a creation that happens once under this key; none without one. Raises ``Usage``.

    It is a string of a structured field (RFC 9651), which may have spaces.
    """
    if key is None:
        return {}
    if not _KEY.fullmatch(key):
        raise Usage("An idempotency key is 1 to 255 printable ASCII characters.")
    return {"Idempotency-Key": '"' + re.sub(r'(["\\])', r"\\\1", key) + '"'}
