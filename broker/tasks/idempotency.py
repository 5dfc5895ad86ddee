"""Idempotency keys: a repeated request gets the first one's answer, and never a second task.

Follows draft-ietf-httpapi-idempotency-key-header. A record is made when a request begins and says who it was (its
fingerprint) and what its ids are made from (its seed). A gateway that dies in between leaves the record behind; the
same request sent again after ``RUNNING_SECONDS`` takes over with the same seed, so it finds what was done already.
"""

from dataclasses import dataclass
from hashlib import sha256
from uuid import UUID, uuid4

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import IdempotencyConflict, IdempotencyMismatch
from broker.secrets.encryption import SecretBox

#: How long answers are kept, from the beginning of the request.
KEPT_SECONDS = 24 * 3600
#: How an encrypted answer begins, as no JSON does.
_SEALED = "sealed:"
#: A request that has not ended by then counts as dead. Only one that is repeated sooner is told to wait.
RUNNING_SECONDS = 30


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What the first request was answered."""

    status: int
    location: str
    body: str


class Idempotency:
    """The records, scoped to a tenant and a route, on a Redis client that answers text. All raise ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys, secret_key: str = "", *, clock: str = "clock") -> None:
        """``secret_key`` encrypts answers that contain a secret: as in the environment, older keys after commas."""
        self._redis = redis
        self._keys = keys
        self._box = SecretBox(secret_key)
        self._begin = Script("begin_request", clock=clock)

    def begin(self, tenant: str, route: str, key: str, fingerprint: str) -> UUID | StoredAnswer:
        """The seed for the ids of this request, which must now be done, or the answer it got before.

        Raises ``IdempotencyConflict`` while the first one runs, ``IdempotencyMismatch`` when that was another request.
        """
        with redis_errors():
            outcome, *rest = self._begin(
                self._redis,
                prefix=self._keys.prefix,
                record=self._record(tenant, route, key),
                fingerprint=fingerprint,
                owner=uuid4().hex,
                running_us=RUNNING_SECONDS * 1_000_000,
                kept_seconds=KEPT_SECONDS,
            )
        if outcome == "mismatch":
            raise IdempotencyMismatch()
        if outcome == "running":
            raise IdempotencyConflict()
        if outcome == "done":
            status, location, body = rest
            if body.startswith(_SEALED):
                body = self._box.decrypt(body.removeprefix(_SEALED), self._record(tenant, route, key))
            return StoredAnswer(int(status), location, body)
        return UUID(hex=rest[0])

    def finish(self, tenant: str, route: str, key: str, answer: StoredAnswer, *, secret: bool = False) -> None:
        """Keep the answer for repeats, encrypted when it contains a ``secret``."""
        record = self._record(tenant, route, key)
        body = _SEALED + self._box.encrypt(answer.body, record) if secret else answer.body
        with redis_errors(), self._redis.pipeline(transaction=True) as writes:
            writes.hset(record, mapping={"status": answer.status, "location": answer.location, "body": body})
            writes.expire(record, KEPT_SECONDS, nx=True)
            writes.execute()

    def abandon(self, tenant: str, route: str, key: str) -> None:
        """The request failed, so the next try may begin at once.

        The key stays bound to this request and its seed: a failure such as a lost reply does not prove that nothing
        was done.
        """
        with redis_errors():
            self._redis.hdel(self._record(tenant, route, key), "until_us")

    def _record(self, tenant: str, route: str, key: str) -> str:
        return self._keys.idempotency(sha256("\0".join((tenant, route, key)).encode()).hexdigest())
