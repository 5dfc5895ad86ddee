"""A careful client of the HTTP API: it repeats a request under the same Idempotency-Key until it has an answer."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.broker.worker.harness import TENANT

KEY = "the-key-of-the-tenant"
API_KEYS = f"{TENANT}:{KEY}"
#: Long enough for a gateway to be started again.
_PATIENCE = 60.0


@dataclass
class Client:
    """Keeps book of what it was answered."""

    url: str
    #: Idempotency key -> every id that a 2xx answer to it named.
    answers: dict[str, set[str]] = field(default_factory=dict)
    repeats: int = 0
    #: Answers of 503, with what their Retry-After said.
    refusals: list[str] = field(default_factory=list)

    def submit(self, act: str = "answer", **args: Any) -> str:
        """The id of a new task."""
        key, deadline = uuid.uuid4().hex, time.monotonic() + _PATIENCE
        self.answers[key] = set()
        while not self.answers[key]:
            assert time.monotonic() < deadline, "no answer in time"
            answer = self.post(key, act, **args)
            if answer is not None and answer.status_code == 201:
                self.answers[key].add(answer.json()["id"])
            else:
                self.repeats += 1
                time.sleep(0.05)
        return next(iter(self.answers[key]))

    def post(self, key: str, act: str, **args: Any) -> requests.Response | None:
        """One try; ``None`` when the connection broke."""
        headers = {"Authorization": f"Bearer {KEY}", "Idempotency-Key": f'"{key}"'}
        body = {"type": "Act", "payload": {"act": act, "args": args}}
        try:
            answer = requests.post(f"{self.url}/api/tasks", json=body, headers=headers, timeout=10)
        except requests.RequestException:
            return None
        if answer.status_code == 503:
            self.refusals.append(answer.headers["Retry-After"])
        else:
            assert answer.status_code in (201, 409), f"{answer.status_code} {answer.text}"
        return answer
