"""One webhook to one program on this machine, until somebody has answered."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from scripts.cli.api import cause
from scripts.cli.failure import Usage
from scripts.cli.webhook import Webhook

#: Seconds, as the daemon allows them.
_TIMEOUT = 15
_LONGEST_PAUSE = 8.0
_SHOWN = 200


@dataclass(frozen=True)
class Delivery:
    """How an attempt ended."""

    webhook: Webhook
    attempt: int
    status_code: int | None
    error: str | None
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        """As the API lists deliveries."""
        return {
            "event_id": self.webhook.id,
            "type": self.webhook.type,
            "task_id": self.webhook.task["id"] if self.webhook.task else None,
            "flow": self.webhook.flow,
            "attempt": self.attempt,
            "at": datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "status_code": self.status_code,
            "error": self.error,
            "duration_seconds": round(self.seconds, 3),
            "next_attempt_at": None,
        }


class Forwarder:
    """Sends webhooks to one address."""

    def __init__(self, url: str, secret: str, say: Callable[[str], None]) -> None:
        """Raises ``Usage`` for what is no address. ``say`` is told when nobody answers."""
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise Usage(f"{url!r} is no address: write --forward-to http://localhost:3000/path")
        self.url, self._secret, self._say = url, secret, say
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy between two programs of one machine, and no key of ~/.netrc

    def deliver(self, webhook: Webhook) -> Delivery:
        """Waits for a program that is not there, as while it is started anew; any answer is one, good or bad."""
        attempt = 1
        while True:
            began = time.monotonic()
            try:
                return self._send(webhook, attempt, began)
            except requests.Timeout:
                return Delivery(webhook, attempt, None, f"no answer within {_TIMEOUT} s", time.monotonic() - began)
            except requests.RequestException as error:
                if attempt == 1:
                    self._say(f"Nobody answers at {self.url} ({cause(error)}); it is sent as soon as somebody does.")
                time.sleep(min(_LONGEST_PAUSE, 0.25 * 2 ** min(attempt, 10)))
                attempt += 1

    def _send(self, webhook: Webhook, attempt: int, began: float) -> Delivery:
        answer = self._session.post(
            self.url,
            data=webhook.body,
            headers=webhook.headers(self._secret),
            timeout=_TIMEOUT,
            allow_redirects=False,
            stream=True,
        )
        with answer:
            good = 200 <= answer.status_code < 300
            said = "" if good else answer.raw.read(_SHOWN, decode_content=True).decode(errors="replace").strip()
            error = None if good else said or f"It answered {answer.status_code}."
            return Delivery(webhook, attempt, answer.status_code, error, time.monotonic() - began)
