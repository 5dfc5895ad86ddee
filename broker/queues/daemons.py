"""Which daemons run, and what they fail at: each says so every few seconds, in a record that expires by itself."""

from typing import Any

import msgspec
from msgspec import Struct
from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys

#: Seconds that a record outlives its last heartbeat.
DAEMON_TTL = 15


class Daemon(Struct, frozen=True):
    """One daemon process. Times are RFC 3339 UTC text."""

    name: str
    hostname: str
    pid: int
    started_at: str
    last_heartbeat: str
    #: What fails again and again: chore -> the error and since when.
    failing: dict[str, str] = {}


_decode = msgspec.json.Decoder(Daemon).decode


class Daemons:
    """The records, on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def beat(self, daemon: Daemon) -> None:
        """Writes a daemon's record. Redis errors pass through."""
        with self._redis.pipeline(transaction=True) as writes:
            writes.set(self._keys.daemon(daemon.name), msgspec.json.encode(daemon), ex=DAEMON_TTL)
            writes.sadd(self._keys.daemons(), daemon.name)
            writes.execute()

    def forget(self, daemon: Daemon) -> None:
        """Removes the record of one that ends. Redis errors pass through."""
        self._redis.delete(self._keys.daemon(daemon.name))
        self._redis.srem(self._keys.daemons(), daemon.name)

    def list(self) -> list[Daemon]:
        """All daemons whose record lives, by name. Raises ``Unavailable``."""
        with redis_errors():
            names = sorted(self._redis.smembers(self._keys.daemons()))
            texts: Any = self._redis.mget([self._keys.daemon(name) for name in names]) if names else []
        return [_decode(text) for text in texts if text]

    def forget_dead(self) -> None:
        """Takes daemons whose record has expired off the list. Redis errors pass through."""
        names = sorted(self._redis.smembers(self._keys.daemons()))
        if dead := [name for name in names if not self._redis.exists(self._keys.daemon(name))]:
            self._redis.srem(self._keys.daemons(), *dead)
