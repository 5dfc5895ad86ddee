"""Uploaded files that are not to be kept once their media file is made (``keep_source=false``)."""

from collections import defaultdict
from collections.abc import Callable

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import NotFound
from broker.media.records import MediaRecord, MediaStore
from broker.media.storage import Storage
from broker.removal import log
from broker.removal.unfinished_tasks import Unfinished

_BATCH = 20
#: Seconds until somebody looks again at one that is still needed, or whose remover has died.
_AGAIN = 60.0


class Sources:
    """On one Redis client with ``decode_responses=True``. Its errors pass through."""

    def __init__(
        self,
        redis: "Redis",
        keys: Keys,
        unfinished: Unfinished,
        storage: Callable[[], Storage],
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._media = MediaStore(redis, keys)
        self._unfinished = unfinished
        self._storage = storage
        self._claim = Script("claim_sources")
        self._remove = Script("remove_source")

    def remove_due(self) -> bool:
        """Removes sources that nothing needs any more; whether there may be more. Raises ``Unavailable``.

        One is needed as long as its media file is not made, or a task that waits or runs names it.
        """
        rows = self._claim(self._redis, prefix=self._keys.prefix, limit=_BATCH, hold_us=int(_AGAIN * 1e6))
        of_tenant = defaultdict(list)
        for media_id, tenant in zip(*[iter(rows)] * 2, strict=True):
            of_tenant[tenant].append(media_id)
        for tenant, ids in of_tenant.items():
            needed = self._unfinished.named(tenant, ids)
            for media_id in ids:
                if media_id not in needed:
                    self._remove_if_made(tenant, media_id)
        return len(rows) == 2 * _BATCH

    def _remove_if_made(self, tenant: str, media_id: str) -> None:
        """The record says it first: what finds no bytes then knows why."""
        try:
            record: MediaRecord = self._media.get(tenant, media_id)
        except NotFound:
            return
        if record.keep_source or not record.made:
            return
        if self._remove(self._redis, prefix=self._keys.prefix, media_id=media_id):
            self._storage().delete(record.source_key)
            log.tell("source removed", media=media_id, tenant=tenant, by="keep_source")
        self._redis.zrem(self._keys.sources_due(), media_id)
