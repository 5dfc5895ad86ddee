"""Who should be there and is not, and what the daemon does not get done."""

import time
from collections.abc import Callable, Iterator

from redis import Redis

from broker.doctor.finding import Finding
from broker.engine.keys import Keys
from broker.queues.daemons import Daemons
from broker.queues.state import QueueStates
from broker.rq_records import STRANGERS
from broker.webhooks.signing import is_plain

#: Seconds that an event may stand in the outbox; a daemon looks ten times a second.
_OUTBOX_PATIENCE = 30.0
#: Seconds that what is left of a deleted media file may wait; after a failure a daemon looks again each minute.
_TOMBSTONE_PATIENCE = 300.0


class Processes:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, now: Callable[[], float] = time.time) -> None:
        self._redis = redis
        self._keys = keys
        self._now = now

    def findings(self, types: list[str], tenants: list[str]) -> Iterator[Finding]:
        """What keeps tasks, schedules or webhooks from going on."""
        yield from self._daemons()
        for queue in QueueStates(self._redis, self._keys).read(types):
            if queue.depth and not queue.workers:
                yield Finding(f"{queue.depth} {queue.type} tasks wait and no worker listens to that type: start one")
        yield from self._outbox()
        strangers = self._redis.llen(self._keys.rq_queue(STRANGERS))
        if strangers:
            yield Finding(
                f"{strangers} jobs of other programs stood in our queues; they wait in RQ's queue {STRANGERS}"
            )
        yield from self._tombstones()
        for tenant in tenants:
            yield from self._plain_secrets(tenant)

    def _daemons(self) -> Iterator[Finding]:
        daemons = Daemons(self._redis, self._keys).list()
        if not daemons:
            yield Finding(
                "no daemon runs: scheduled tasks do not become due, lost tasks do not come back, no webhook is sent; "
                "start one with `python -m broker`"
            )
        for daemon in daemons:
            for chore, error in daemon.failing.items():
                # When it began is no part of what is compared between two looks.
                yield Finding(f"the daemon on {daemon.hostname} (pid {daemon.pid}) fails at {chore}: {error}")

    def _outbox(self) -> Iterator[Finding]:
        first = self._redis.xrange(self._keys.outbox(), count=1)
        age = self._now() - int(first[0][0].partition("-")[0]) / 1000 if first else 0.0
        if age > _OUTBOX_PATIENCE:
            yield Finding("events for webhooks wait longer than half a minute for a daemon")
        aside = self._redis.xlen(self._keys.outbox_aside())
        if aside:
            key = self._keys.outbox_aside()
            yield Finding(f"{aside} events could not be told to webhooks; they lie in {key}, each with the reason")

    def _tombstones(self) -> Iterator[Finding]:
        """Deleted media of which something is left, and nobody sees to it."""
        overdue = self._redis.zcount(self._keys.tombstones(), "-inf", int((self._now() - _TOMBSTONE_PATIENCE) * 1e6))
        if overdue:
            yield Finding(
                "files of deleted media wait longer than five minutes to be removed: does a daemon run, and can it use "
                "the storage?"
            )
        for key in self._redis.scan_iter(self._keys.tombstone("*"), count=1000):
            media_id = key.removeprefix(self._keys.tombstone(""))
            if self._redis.zscore(self._keys.tombstones(), media_id) is None and self._redis.exists(key):
                yield Finding(f"what is left of deleted media file {media_id} is never removed", "tombstone", media_id)

    def _plain_secrets(self, tenant: str) -> Iterator[Finding]:
        for webhook in self._redis.zrange(self._keys.webhooks(tenant), 0, -1):
            if is_plain(self._redis.hget(self._keys.webhook(webhook), "secret") or ""):
                yield Finding(f"the secret of {tenant}'s webhook {webhook} is not encrypted: rotate it")
