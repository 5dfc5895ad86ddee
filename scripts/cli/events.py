"""The API's event streams (WHATWG HTML, section 9.2), read on over every broken connection."""

import json
import random
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import requests
from urllib3.exceptions import HTTPError

from scripts.cli.api import Api
from scripts.cli.failure import NO_SERVER, Failure

#: Seconds without a byte after which a connection counts as dead; the gateway sends something every 15.
SILENCE = 40
_LONGEST_PAUSE = 30.0
_CHUNK = 65536
_BROKEN = (requests.RequestException, HTTPError, OSError, ValueError)

Say = Callable[[str], None]


@dataclass(frozen=True)
class Event:
    """``name`` is the API's, or ``beat`` for a sign of life. ``id`` is where to go on after it."""

    name: str
    data: dict[str, Any] = field(default_factory=dict)
    id: str = ""


class Stream:
    """One stream, which resumes by itself. It ends when the gateway says that there is nothing more to come."""

    def __init__(self, api: Api, path: str, say: Say, *, last_id: str = "", silence: float = SILENCE) -> None:
        """``say`` is told when the connection is lost, and when it is there again."""
        self._api, self._path, self._say = api, path, say
        self._silence = silence
        self.last_id = last_id
        self._pause = 1.0
        self._connected = False
        #: How many tries have failed since something was read.
        self._lost = 0

    def __iter__(self) -> Iterator[Event]:
        """Raises ``Failure`` when the first connection fails, or for what no other try can cure."""
        while True:
            try:
                answer = self._connect()
                if answer.status_code == 204:
                    return
                with answer:
                    yield from self._read(answer)
            except _BROKEN:
                pass
            except Failure as failure:
                if failure.status != NO_SERVER or not self._connected:
                    raise
            self._wait()

    def _connect(self) -> requests.Response:
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if self.last_id:
            headers["Last-Event-ID"] = self.last_id
        return self._api.send("GET", self._path, headers=headers, stream=True, timeout=(5, self._silence))

    def _read(self, answer: requests.Response) -> Iterator[Event]:
        if self._lost > 1:
            self._say("Connected again.")
        self._connected, self._lost = True, 0
        for event in parse(iter(lambda: answer.raw.read1(_CHUNK), b""), self._set_pause):
            self.last_id = event.id or self.last_id
            yield event

    def _set_pause(self, milliseconds: int) -> None:
        self._pause = milliseconds / 1000

    def _wait(self) -> None:
        if self._lost == 1:
            self._say(f"The connection to {self._api.access.url} is lost; trying again until it is back.")
        pause = min(_LONGEST_PAUSE, self._pause * 2**self._lost) * random.uniform(0.8, 1.2)
        self._lost += 1
        time.sleep(pause)


def parse(chunks: Iterable[bytes], set_pause: Callable[[int], None]) -> Iterator[Event]:
    """The events in a stream of bytes; a comment is a ``beat``. What is incomplete at the end is left out."""
    rest, fields = b"", dict[str, str]()
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            text = line.decode().rstrip("\r")
            name, _, value = text.partition(":")
            if not text:
                if "data" in fields:
                    yield Event(fields.get("event", "message"), json.loads(fields["data"]), fields.get("id", ""))
                fields = {}
            elif not name:
                yield Event("beat")
            elif name == "retry" and value.strip().isdigit():
                set_pause(int(value))
            else:
                value = value.removeprefix(" ")
                fields[name] = f"{fields[name]}\n{value}" if name == "data" and "data" in fields else value
