"""One request, repeated while that is safe and may help: with growing pauses, never before Retry-After is over."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from mindia_client.errors import NoAnswer, Problem

#: Statuses after which the same request may be answered otherwise.
_PASSING = frozenset({429, 502, 503, 504, 507})
_REPEATABLE = frozenset({"GET", "PUT", "DELETE"})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 10.0


class Sender:
    """Sends what a client asks for. ``patience``: seconds that all attempts of a request may take together."""

    def __init__(
        self,
        http: httpx.Client,
        patience: float,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http, self._patience = http, patience
        self._sleep, self._clock = sleep, clock

    def send(self, method: str, path: str, arguments: dict[str, Any], *, repeatable: bool = False) -> httpx.Response:
        """An answer with a good status. ``repeatable``: to carry it out twice is the same as once.

        Raises ``Problem``, ``NoAnswer``.
        """
        repeatable = repeatable or method in _REPEATABLE
        end, tries = self._clock() + self._patience, 0
        while True:
            try:
                answer = self._http.request(method, path, **arguments)
            except httpx.HTTPError as error:
                error_found: Problem | NoAnswer = NoAnswer(f"{self._http.base_url}: {_words(error)}")
                error_found.__cause__ = error
                again, asked = repeatable or isinstance(error, httpx.ConnectError), 0.0
            else:
                if answer.is_success or (tries and method == "DELETE" and answer.status_code == 404):
                    return answer
                error_found = understand(answer)
                again, asked = may_repeat(answer, error_found, repeatable=repeatable), retry_after(answer)
            pause = max(asked, min(_LONGEST_PAUSE, _FIRST_PAUSE * 2**tries) * random.uniform(0.5, 1))
            if not again or self._clock() + pause > end:
                raise error_found
            self._sleep(pause)
            tries += 1


def understand(answer: httpx.Response) -> Problem | NoAnswer:
    """What an answer with a bad status says."""
    try:
        document = answer.json()
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("code"), str) and "status" in document:
        return Problem.of(document)
    return NoAnswer(f"{answer.request.url}: {answer.status_code}, and no answer of a Mindia Tasks gateway")


def may_repeat(answer: httpx.Response, found: Problem | NoAnswer, *, repeatable: bool) -> bool:
    """A 429, and a 503 of the gateway's own, come before anything was done: unless it says that tasks may be there."""
    if isinstance(found, Problem) and found.code == "idempotency_key_in_use":
        return True
    if answer.status_code not in _PASSING:
        return False
    untouched = isinstance(found, Problem) and not found.document.get("task_ids")
    return repeatable or untouched


def retry_after(answer: httpx.Response) -> float:
    """Seconds that the header asks for, told as a number or as a date; 0 without one."""
    told = answer.headers.get("Retry-After", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (TypeError, ValueError):
        return 0.0


def _words(error: httpx.HTTPError) -> str:
    return str(error) or type(error).__name__
