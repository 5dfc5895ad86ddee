"""Webhooks that a test receives: signed as the daemon signs them, and handed over instead of being sent."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from broker.broker import Broker
from broker.outbound.exchange import Answer
from broker.webhooks.delivery import Deliveries
from broker.webhooks.events import FLOW_TYPES, TYPES
from broker.webhooks.sending import Sender

#: Takes a request and answers the status of the receiver.
Receiver = Callable[["Webhook"], int]


@dataclass(frozen=True)
class Webhook:
    """One request as a receiver gets it."""

    url: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def event(self) -> dict[str, Any]:
        """``{type, timestamp, data}``."""
        parsed: dict[str, Any] = json.loads(self.body)
        return parsed

    @property
    def type(self) -> str:
        """``task.completed`` and so on."""
        return str(self.event["type"])


class Webhooks:
    """What was sent to all endpoints of the test, in order."""

    def __init__(self, broker: Broker, tenant: str) -> None:
        self._broker, self._tenant = broker, tenant
        self._deliveries = Deliveries(broker.redis, broker.keys, public_url=broker.settings.public_url)
        self._sender = Sender(broker.settings.secret_key, allow_private=True, post=self._post)
        self.received: list[Webhook] = []
        #: What answers: give it a function to have your own receiver called, or one that fails.
        self.receiver: Receiver = lambda webhook: 204

    def listen(self, *events: str, url: str = "https://receiver.test/hook") -> str:
        """Registers an endpoint for these events, or all; returns its secret."""
        fields = {"url": url, "events": list(events or TYPES), "description": "", "enabled": True}
        return self._broker.webhooks.create(self._tenant, fields)[1]

    def of(self, event_type: str) -> list[dict[str, Any]]:
        """The ``data`` of what was received of this type."""
        if event_type not in (*TYPES, *FLOW_TYPES):
            raise ValueError(f"there is no event {event_type!r}; there are {', '.join(TYPES)}")
        return [each.event["data"] for each in self.received if each.type == event_type]

    def deliver(self) -> None:
        """What the daemon does with what is due."""
        while self._deliveries.fan_out():
            pass
        while claimed := self._deliveries.claim(100, 100):
            for attempt in claimed:
                self._deliveries.record(attempt, self._sender.send(attempt))

    def _post(self, url: str, body: bytes, headers: Mapping[str, str], **_: Any) -> Answer:
        webhook = Webhook(url, dict(headers), body)
        self.received.append(webhook)
        return Answer(self.receiver(webhook), {}, b"", True)
