"""What is owed to endpoints: one method per script. Any number of daemons may call them at the same time."""

import logging
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from redis import Redis, RedisError

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.media.mentions import mentions
from broker.task import Task
from broker.webhooks.events import event_body, event_id, subject
from broker.webhooks.retries import PATIENCE

#: An attempt that nobody has told the end of by then is made again: its sender was killed.
LEASE_SECONDS = 60
_LANES = 1000

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An event to be sent to an endpoint now. ``us`` is the server's time; the counts are of failures before it."""

    endpoint: str
    event: str
    id: str
    us: int
    url: str
    type: str
    body: str = field(repr=False)
    event_failures: int
    endpoint_failures: int
    secret: str = field(repr=False)
    old_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. Times are in seconds; ``retry_in`` is ``None`` when the event is not sent again."""

    word: str
    status: int | None
    error: str
    took: float
    retry_in: float | None = None
    cooldown: float = 0.0


class Deliveries:
    """Outbox and deliveries, on one Redis client with ``decode_responses=True``. Redis errors pass through."""

    def __init__(self, redis: "Redis", keys: Keys, *, public_url: str = "", clock: str = "clock") -> None:
        """``public_url`` is where the gateway is reached from outside; without it, events name paths."""
        self._redis = redis
        self._keys = keys
        self._public_url = public_url
        self._fan_out, self._put_aside, self._claim, self._record, self._sweep = (
            Script(name, clock=clock)
            for name in ("fan_out", "put_aside", "claim_deliveries", "record_delivery", "sweep_webhook")
        )

    def fan_out(self, limit: int = 100) -> int:
        """Hands the oldest events of the outbox to their endpoints, in order; returns how many it looked at.

        The body is made from the snapshot in the entry, and only the daemon that removes the entry gives it to the
        endpoints: so an event has one body, even while daemons of two releases run.
        """
        entries = self._redis.xrange(self._keys.outbox(), count=limit)
        for entry, values in entries:
            try:
                body = event_body(values, self._links)
            except RedisError:
                raise
            except Exception as error:  # one that cannot be told must not hold up all that are behind it
                log.warning("the event %s cannot be told and is put aside: %s: %s", entry, type(error).__name__, error)
                self._put_aside(self._redis, prefix=self._keys.prefix, entry=entry, reason=type(error).__name__)
                continue
            if body is None:
                log.warning("the outbox held no event in %s; it is left out", entry)
            self._fan_out(
                self._redis,
                prefix=self._keys.prefix,
                entry=entry,
                event=event_id(entry, values),
                tenant=values["tenant"] if body else "",  # nobody's
                event_type=values.get("type", ""),
                task=subject(values),
                body=body or "",
            )
        return len(entries)

    def _links(self, task: Task) -> dict[str, Any] | None:
        """The address of the file that the task is about: links that open without a key would expire on the way."""
        [files] = mentions(self._redis, self._keys, [(task.tenant, task.payload)])
        return {"media_url": f"{self._public_url}/api/{files[0].kind}s/{files[0].id}"} if files else None

    def claim(self, limit: int, each: int) -> list[Attempt]:
        """At most so many attempts that are due, at most ``each`` of them at the same time to one endpoint."""
        rows = self._claim(
            self._redis,
            prefix=self._keys.prefix,
            claim=uuid4().hex,
            limit=limit,
            each=each,
            lease_us=LEASE_SECONDS * 1_000_000,
        )
        return [Attempt(*row) for row in rows]

    def record(self, attempt: Attempt, outcome: Outcome) -> bool:
        """Notes how it ended; False when it was given up meanwhile, or its endpoint is gone."""
        retry_us = -1 if outcome.retry_in is None else round(outcome.retry_in * 1e6)
        answer = self._record(
            self._redis,
            prefix=self._keys.prefix,
            id=attempt.endpoint,
            event=attempt.event,
            attempt=attempt.id,
            outcome=outcome.word,
            retry_us=retry_us,
            cooldown_us=round(outcome.cooldown * 1e6),
            patience_us=PATIENCE * 1_000_000,
            status_code="" if outcome.status is None else outcome.status,
            reason=outcome.error,
            duration_ms=round(outcome.took * 1000),
        )
        return bool(answer == "recorded")

    def sweep(self) -> None:
        """Removes a part of what deleted endpoints have left."""
        for endpoint in self._redis.smembers(self._keys.webhooks_gone()):
            self._sweep(self._redis, prefix=self._keys.prefix, id=endpoint, limit=_LANES)
