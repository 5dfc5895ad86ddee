"""Uploads that nobody goes on with."""

from collections.abc import Callable

from redis import Redis

from broker.clock import to_rfc3339
from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.errors import NotFound, UploadLocked
from broker.uploads.records import Upload
from broker.uploads.uploads import Uploads


class UploadExpiry:
    """On one Redis client with ``decode_responses=True``. Raises ``Unavailable``."""

    def __init__(self, redis: "Redis", keys: Keys, uploads: Uploads, exists: Callable[[str, str], bool]) -> None:
        """``exists`` tells whether a tenant has a media file of an id."""
        self._redis = redis
        self._keys = keys
        self._uploads = uploads
        self._exists = exists

    def remove_expired(self, limit: int) -> list[Upload]:
        """Removes uploads whose time is over, with their bytes, at most ``limit``.

        One whose media file is there was complete when its writer died; only it is forgotten.
        """
        removed = []
        with redis_errors():
            seconds, micros = self._redis.time()
            now = seconds * 1_000_000 + micros
            due = self._redis.zrangebyscore(self._keys.upload_expiry(), "-inf", now, start=0, num=limit)
        for upload_id in due:
            with redis_errors():
                tenant = self._redis.hget(self._keys.upload(upload_id), "tenant")
            if not tenant:  # a foreign hand has deleted it
                self._uploads.forget("", upload_id)
                continue
            try:
                with self._uploads.writer(tenant, upload_id) as writer:
                    if writer.upload.expires_at > to_rfc3339(now):
                        continue  # somebody has gone on with it meanwhile
                    if self._exists(tenant, upload_id):
                        writer.upload = writer.completed()
                    self._uploads.remove(writer)
                    removed.append(writer.upload)
            except (NotFound, UploadLocked):  # somebody is at it
                continue
        return removed
