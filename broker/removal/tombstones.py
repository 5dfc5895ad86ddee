"""Tombstones: deleted media files of which files or tasks may be left, or may still come from runs that have to end."""

from typing import NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script


class Tombstone(NamedTuple):
    """A media file that is deleted since so many seconds."""

    media_id: str
    tenant: str
    age: float


class Tombstones:
    """Those of all tenants, on one Redis client with ``decode_responses=True``. Its errors pass through."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys
        self._claim = Script("claim_tombstones")
        self._settle = Script("settle_tombstone")
        self._bury_orphan = Script("bury_orphan")

    def claim(self, limit: int, hold: float) -> list[Tombstone]:
        """Those that somebody has to look at; nobody else gets them for ``hold`` seconds."""
        rows = self._claim(self._redis, prefix=self._keys.prefix, limit=limit, hold_us=int(hold * 1e6))
        return [Tombstone(id_, tenant, int(us) / 1e6) for id_, tenant, us in zip(*[iter(rows)] * 3, strict=True)]

    def look_again(self, media_id: str, seconds: float) -> None:
        """Somebody has to look at it again after so long."""
        self._settle(self._redis, prefix=self._keys.prefix, media_id=media_id, again_us=int(seconds * 1e6))

    def remove(self, media_id: str) -> None:
        """Nothing is left of the media file, and nothing can come."""
        self._settle(self._redis, prefix=self._keys.prefix, media_id=media_id, again_us="")

    def add_for_orphan(self, media_id: str, tenant: str) -> bool:
        """Gives up files without a record: no record is made for them any more. False when there is one."""
        return bool(self._bury_orphan(self._redis, prefix=self._keys.prefix, media_id=media_id, tenant=tenant))
