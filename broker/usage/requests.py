"""The quota of requests, which costs a tenant without one nothing."""

import math
import threading
import time
from typing import NamedTuple

from redis import RedisError

from broker.engine.keys import Keys
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.scripts import Script
from broker.usage import quotas

_NAME = "requests_per_minute"
#: Seconds for which it is known who has a quota: one that is set for a tenant without one is in force as late as that.
_KNOWN = 2.0
#: Seconds after which one request looks again, while others go on with what is known.
_FRESH = 1.0


class Grant(NamedTuple):
    """A request that was counted."""

    limit: int
    #: How many more there may be in this minute, and the seconds that are left of it.
    remaining: int
    seconds: float


class RequestQuota:
    """Counts requests, on connections that others do not wait behind.

    Where Redis does not answer at once, a request is let through: whatever it asks of Redis is answered 503 then.
    """

    def __init__(self, pool: ScriptConnectionPool, keys: Keys, bounds: str) -> None:
        """``bounds`` as in `quotas.bounds`."""
        self._pool = pool
        self._keys = keys
        self._bounds = bounds
        self._for_all = f" {_NAME}=" in bounds
        self._take = Script("take_request")
        self._own: frozenset[str] = frozenset()
        self._looked = -math.inf
        self._lock = threading.Lock()

    def take(self, tenant: str) -> Grant | None:
        """Counts one; ``None`` where the tenant has no such quota. Raises ``QuotaExceeded``."""
        age = time.monotonic() - self._looked
        if age >= _FRESH:
            self._look(wait=age >= _KNOWN)
        if not (self._for_all or tenant in self._own):
            return None
        try:
            limit, left, ms = self._take(self._pool, prefix=self._keys.prefix, tenant=tenant, bounds=self._bounds)
        except RedisError:
            return None
        if left < 0:  # also with a quota of 0
            raise quotas.refused(_NAME, str(limit), str(limit), str(ms * 1000))
        if not limit:
            return None
        return Grant(limit, left, ms / 1000)

    def forget(self) -> None:
        """Looks again who has a quota before the next request is counted."""
        with self._lock:
            self._looked = -math.inf

    def _look(self, *, wait: bool) -> None:
        """One thread looks; others wait for it only where what is known is too old to go on with."""
        before = self._looked
        if not self._lock.acquire(blocking=wait):
            return
        try:
            if self._looked > before:  # another has looked meanwhile
                return
            looked = time.monotonic()
            try:
                found = self._pool.redis.hgetall(self._keys.quotas())
                self._own = frozenset(name for name, text in found.items() if quotas.read(text).get(_NAME) is not None)
            except RedisError:
                looked = time.monotonic()  # those that wait are not to wait for the same again
            self._looked = looked
        finally:
            self._lock.release()
