"""Media files whose time is over."""

import secrets
from typing import NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.media.records import KINDS


class Expired(NamedTuple):
    """A file that is deleted now."""

    media_id: str
    tenant: str
    kind: str


class Expiry:
    """On one Redis client with ``decode_responses=True``. Its errors pass through."""

    def __init__(self, redis: "Redis", keys: Keys, retention_days: float | None) -> None:
        """``retention_days`` is how long any file is kept after its upload, ``None`` for ever."""
        self._redis = redis
        self._keys = keys
        self._retention_us = "" if retention_days is None else str(int(retention_days * 86_400 * 1_000_000))
        self._expire = Script("expire_media")

    def delete_expired(self, limit: int) -> list[Expired]:
        """Ends files whose time is over, as a deletion does; at most ``limit``."""
        rows = self._expire(
            self._redis,
            prefix=self._keys.prefix,
            retention_us=self._retention_us,
            limit=limit,
            nonce=secrets.randbits(63),
            kinds=sorted(KINDS),
        )
        return [Expired(*row) for row in zip(*[iter(rows)] * 3, strict=True)]
