"""Server-sent events (WHATWG HTML, section 9.2), read on over every broken connection."""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx

from mindia_client.errors import NoAnswer, Problem
from mindia_client.sending import may_repeat, retry_after, understand

#: Seconds without a byte after which a connection counts as dead; the gateway sends something every 15.
_SILENCE = 40.0
_LONGEST_PAUSE = 30.0


@dataclass(frozen=True)
class Event:
    """``name``: ``snapshot``, ``status``, ``progress``, ``gone``, … as the API's description of the stream has them."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    #: Where to go on after it: the ``last_id`` of another ``watch``.
    id: str = ""


def stream(
    http: httpx.Client,
    path: str,
    last_id: str,
    patience: float,
    *,
    of_task: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Event]:
    """Ends when nothing more comes: ``of_task``, with the task. Raises ``Problem``; after ``patience`` ``NoAnswer``."""
    lost_at, pause = None, 1.0
    while True:
        try:
            headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
            timeout = httpx.Timeout(10, read=_SILENCE)
            with http.stream("GET", path, headers=headers, timeout=timeout) as answer:
                if answer.status_code == 204:
                    return
                _check(answer)
                lost_at, pause = None, 1.0
                for event in parse(answer.iter_lines()):
                    last_id = event.id or last_id
                    yield event
                    if of_task and (event.name == "gone" or event.data.get("ended")):
                        return
            asked = 0.0
        except _Passing as error:
            asked = error.asked
        except httpx.HTTPError:
            asked = 0.0
        now = time.monotonic()
        lost_at = lost_at or now
        if now - lost_at > patience:
            raise NoAnswer(f"{http.base_url}: the event stream is lost")
        sleep(max(asked, pause * random.uniform(0.5, 1)))
        pause = min(_LONGEST_PAUSE, pause * 2)


class _Passing(Exception):
    def __init__(self, asked: float) -> None:
        self.asked = asked


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    answer.read()
    found = understand(answer)
    if may_repeat(answer, found, repeatable=True):
        raise _Passing(retry_after(answer))
    raise found if isinstance(found, Problem) else NoAnswer(str(found))


def parse(lines: Iterable[str]) -> Iterator[Event]:
    """The events of a stream; what is incomplete at its end is left out."""
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        if not line:
            if "data" in fields:
                yield Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))
            fields = {}
        elif name:
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name == "data" and name in fields else value
