"""Cooldowns: until when work with somebody outside has to rest, because they said so. Shared by all workers."""

from typing import Any

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys


class Cooldowns:
    """Raises ``Unavailable`` without Redis."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def start(self, name: str, seconds: float) -> None:
        """From now on for so long; the latest word counts, being the newest that is known."""
        with redis_errors():
            self._redis.set(self._keys.cooldown(name), "", px=max(1, round(seconds * 1000)))

    def left(self, name: str) -> float:
        """Seconds that the cool-down goes on, 0 when there is none."""
        with redis_errors():
            left: Any = self._redis.pttl(self._keys.cooldown(name))
        return max(0, int(left)) / 1000
