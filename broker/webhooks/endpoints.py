"""Endpoints of a tenant, and their log: what the API shows and changes."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from redis import Redis

from broker.actor import Actor, argument
from broker.clock import Clock, to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import InvalidInput, NotFound, TaskBrokerError
from broker.outbound.guard import TargetRefused, check_url
from broker.webhooks.events import TEST, body
from broker.webhooks.records import SHOWN, LoggedAttempt, Webhook, logged_attempt, webhook
from broker.webhooks.signing import SigningSecrets, new_secret

#: So many that nobody needs more, and a look at all of them takes a script no time.
MAX_ENDPOINTS = 20
_NAMES = (
    *("create_webhook", "change_webhook", "rotate_secret", "delete_webhook", "send_test_event", "resend_delivery"),
)


class TooManyWebhooks(TaskBrokerError):
    """There are as many webhooks as one tenant may have; delete one first."""

    code, status = "too_many_webhooks", 409


class WebhookDisabled(TaskBrokerError):
    """This webhook is disabled; enable it first."""

    code, status = "webhook_disabled", 409


class Webhooks:
    """On one Redis client with ``decode_responses=True``. Ids are those of the path; every other tenant's is missing.

    ``by`` is who makes a change, for the audit log.

    Raises ``NotFound``, ``Unavailable``, and what the methods say.
    """

    def __init__(
        self, redis: "Redis", keys: Keys, secret_key: str, *, allow_private: bool = False, clock: str = "clock"
    ) -> None:
        """``secret_key`` as in the environment, with older keys after commas: it encrypts the endpoints' secrets."""
        self._redis = redis
        self._keys = keys
        self._box = SigningSecrets(secret_key)
        self._allow_private = allow_private
        self._scripts = {name: Script(name, clock=clock) for name in _NAMES}

    def create(
        self, tenant: str, fields: Mapping[str, Any], webhook_id: UUID | None = None, by: Actor | None = None
    ) -> tuple[Webhook, str]:
        """The endpoint and its secret, which is told this once. A repeat with the same id creates nothing.

        ``fields``: url, events, description, enabled. Raises ``InvalidInput``, ``TooManyWebhooks``,
        ``SecretKeyMissing``.
        """
        new = str(webhook_id or uuid4())
        flat = self._flat({**fields, "secret": self._box.seal(new, new_secret())})
        values = {"id": new, "tenant": tenant, "most": MAX_ENDPOINTS, "actor": argument(by), "fields": flat}
        if not self._run("create_webhook", **values):
            raise TooManyWebhooks()
        with redis_errors():
            sealed = self._redis.hget(self._keys.webhook(new), "secret")
        return self.get(tenant, new), self._box.open(new, str(sealed))

    def get(self, tenant: str, webhook_id: str) -> Webhook:
        """One endpoint."""
        with redis_errors():
            owner, *values = self._redis.hmget(self._keys.webhook(webhook_id), "tenant", *SHOWN)
        if owner != tenant:
            raise NotFound("There is no webhook with this id.")
        return webhook(values)

    def all(self, tenant: str) -> list[Webhook]:
        """All endpoints, oldest first."""
        with redis_errors(), self._redis.pipeline(transaction=True) as reads:
            for webhook_id in self._redis.zrange(self._keys.webhooks(tenant), 0, -1):
                reads.hmget(self._keys.webhook(webhook_id), *SHOWN)
            return [webhook(values) for values in reads.execute() if values[0]]

    def change(self, tenant: str, webhook_id: str, fields: Mapping[str, Any], by: Actor | None = None) -> Webhook:
        """Changes what is in ``fields``. Raises ``InvalidInput``."""
        values = {"id": webhook_id, "tenant": tenant, "actor": argument(by), "fields": self._flat(fields)}
        self._found(self._run("change_webhook", **values))
        return self.get(tenant, webhook_id)

    def rotate_secret(
        self, tenant: str, webhook_id: str, overlap_seconds: int, by: Actor | None = None
    ) -> tuple[str, str]:
        """The new secret, and the moment until which the former one signs as well."""
        secret = new_secret()
        until = self._run(
            "rotate_secret",
            id=webhook_id,
            tenant=tenant,
            secret=self._box.seal(webhook_id, secret),
            overlap_us=overlap_seconds * 1_000_000,
            actor=argument(by),
        )
        self._found(until)
        return secret, str(until)

    def delete(self, tenant: str, webhook_id: str, by: Actor | None = None) -> None:
        """Forgets an endpoint and everything that is owed to it."""
        self._found(self._run("delete_webhook", id=webhook_id, tenant=tenant, actor=argument(by)))

    def attempts(self, tenant: str, webhook_id: str, limit: int, offset: int) -> tuple[list[LoggedAttempt], int]:
        """A part of the log, newest first, and how many attempts it holds in all."""
        self.get(tenant, webhook_id)
        log = self._keys.webhook_log(webhook_id)
        with redis_errors(), self._redis.pipeline(transaction=True) as reads:
            reads.xrevrange(log, count=limit + offset)
            reads.xlen(log)
            entries, total = reads.execute()
        return [logged_attempt(values) for _, values in entries[offset:]], total

    def test(self, tenant: str, webhook_id: str) -> str:
        """Sends an event of the type ``webhook.test``, once; returns its id. Raises ``WebhookDisabled``."""
        event = f"evt_test_{uuid4()}"
        text = body(TEST, to_rfc3339(Clock().now_us()), {"webhook_id": webhook_id})
        self._sent(self._run("send_test_event", id=webhook_id, tenant=tenant, event=event, event_type=TEST, body=text))
        return event

    def resend(self, tenant: str, webhook_id: str, event: str) -> None:
        """Sends an event again, or now. Raises ``WebhookDisabled``; ``NotFound`` also when it is kept no longer."""
        self._sent(self._run("resend_delivery", id=webhook_id, tenant=tenant, event=event))

    def _run(self, name: str, **values: Any) -> Any:
        with redis_errors():
            return self._scripts[name](self._redis, prefix=self._keys.prefix, **values)

    def _flat(self, fields: Mapping[str, Any]) -> Sequence[str]:
        stored = dict(fields)
        if "url" in stored:
            try:
                check_url(stored["url"], allow_private=self._allow_private)
            except TargetRefused as error:
                raise InvalidInput(errors=[{"pointer": "/url", "detail": error.message}]) from None
        if "events" in stored:
            stored["events"] = ",".join(sorted(set(stored["events"])))
        if "enabled" in stored:
            stored["enabled"] = int(stored["enabled"])
        return [part for pair in stored.items() for part in pair]

    def _found(self, answer: Any) -> None:
        if not answer:
            raise NotFound("There is no webhook with this id.")

    def _sent(self, answer: str) -> None:
        if answer == "disabled":
            raise WebhookDisabled()
        if answer == "missing":
            raise NotFound("There is no webhook with this id, or it has no such delivery any more.")
