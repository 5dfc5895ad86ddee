"""Everything between a task's end and its receivers, on a clock that the test turns; every request is verified."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from datetime import datetime, tzinfo
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from broker.clock import from_rfc3339
from broker.daemon.deliver import Deliver
from broker.webhooks.delivery import Deliveries
from broker.webhooks.endpoints import Webhooks
from broker.webhooks.records import LoggedAttempt, Webhook
from broker.webhooks.sending import Sender
from tests.broker.engine.engine import SECOND, Engine
from tests.broker.webhooks.receiver import Receiver

SECRET_KEY = "a secret"
ENDS = ["task.completed", "task.failed", "task.cancelled"]


class Inline(Executor):
    """Does what it is given before it returns: one daemon without threads."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
        work(*args, **options)
        return Future()


class PostOffice:
    """Endpoints of ``acme``, and as many daemons as a test wants."""

    def __init__(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        self.engine = engine
        self.deliveries = Deliveries(engine.redis, engine.keys, clock="clock_test")
        self.webhooks = Webhooks(engine.redis, engine.keys, SECRET_KEY, allow_private=True, clock="clock_test")
        self.inline = Inline()
        self.daemon = self.new_daemon(self.inline)
        self.secrets: dict[str, str] = {}
        self.verified: dict[str, int] = {}

        class EnginesTime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Any:
                return datetime.fromtimestamp(engine.now / SECOND, tz)

        monkeypatch.setattr("standardwebhooks.webhooks.datetime", EnginesTime)

    def new_daemon(self, executor: Executor | None = None, **options: Any) -> Deliver:
        return Deliver(self.deliveries, self.new_sender(**options), executor)

    def new_sender(self, **options: Any) -> Sender:
        return Sender(**{"secret_key": SECRET_KEY, "allow_private": True, "luck": random.Random(1)} | options)

    def subscribe(self, receiver: Receiver, events: list[str] = ENDS, tenant: str = "acme", **fields: Any) -> Webhook:
        wanted = {"url": receiver.url, "events": events, "description": "", "enabled": True} | fields
        webhook, self.secrets[receiver.url] = self.webhooks.create(tenant, wanted)
        return webhook

    def finish(self, tenant: str = "acme") -> str:
        """A task from its submission to its end."""
        task_id = self.engine.submit(tenant=tenant)
        self.engine.finish(self.engine.start())
        return task_id

    def tick(self, *receivers: Receiver, seconds: float = 0) -> None:
        """Lets time pass, and the daemon send all that is due then; what arrived is verified."""
        self.engine.advance(seconds)
        while self.daemon.tick() == 0:
            pass
        for receiver in receivers:
            self.verify(receiver)

    def verify(self, receiver: Receiver) -> None:
        """By the official library, as of now; each request once."""
        for request in receiver.requests[self.verified.get(receiver.url, 0) :]:
            Verifier(self.secrets[receiver.url]).verify(request.body, request.headers)
        self.verified[receiver.url] = len(receiver.requests)

    def log(self, webhook: Webhook, limit: int = 1000) -> list[LoggedAttempt]:
        """Oldest first."""
        return self.webhooks.attempts("acme", webhook.id, limit, 0)[0][::-1]

    def until_next(self, webhook: Webhook) -> float:
        """Seconds until the latest attempt is made again."""
        due = from_rfc3339(self.log(webhook)[-1].next_attempt_at or "")
        return max(0, due - self.engine.now) / SECOND


def bodies_by_id(*receivers: Receiver) -> dict[str, set[bytes]]:
    """What went out under which id; more than one body for an id is what must never be."""
    found: dict[str, set[bytes]] = {}
    for receiver in receivers:
        for request in receiver.requests:
            found.setdefault(request.headers["webhook-id"], set()).add(request.body)
    return found


class Gate:
    """A behaviour that keeps its callers waiting until it is opened."""

    def __init__(self) -> None:
        self.opened = threading.Event()
        self.inside = 0

    def __call__(self, handler: Any) -> None:
        self.inside += 1
        self.opened.wait(20)
        handler.send_response(204)
        handler.end_headers()
