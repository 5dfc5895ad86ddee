"""Where the bytes of a media file are to be fetched from, and what is known of it once they are here.

The URL is sealed: its query may be a secret, and whoever reads records is not to learn it.
"""

from typing import Any, NamedTuple

from redis import Redis

from broker.engine.connection import redis_errors
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import NotFound
from broker.media.records import MediaRecord
from broker.secrets.encryption import SecretBox
from broker.usage import quotas


class Origin(NamedTuple):
    """A URL, and how many bytes it may bring."""

    url: str
    max_bytes: int


class Fetching:
    """On one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, secret_key: str, bounds: str) -> None:
        """``bounds`` as in `quotas.bounds`."""
        self._redis = redis
        self._keys = keys
        self._box = SecretBox(secret_key)
        self._bounds = bounds
        self._note = Script("note_source")

    def seal(self, media_id: str, origin: Origin) -> str:
        """For ``MediaRecord.fetch``. Raises ``SecretKeyMissing``."""
        return self._box.encrypt(list(origin), _label(media_id))

    def origin(self, record: MediaRecord) -> Origin:
        """The reverse. Raises ``SecretKeyMissing``, ``Undecryptable``."""
        return Origin(*self._box.decrypt(record.fetch, _label(record.id)))

    def note(self, record: MediaRecord, size: int, content_type: str) -> None:
        """The bytes are here. Raises ``NotFound`` when the file was deleted meanwhile, ``QuotaExceeded``."""
        with redis_errors():
            reply: Any = self._note(
                self._redis,
                prefix=self._keys.prefix,
                media_id=record.id,
                tenant=record.tenant,
                size=size,
                content_type=content_type,
                bounds=self._bounds,
            )
        if reply[0] == 0:
            raise NotFound()
        if reply[0] != 1:
            raise quotas.refused(*(str(each) for each in reply[1:]))


def _label(media_id: str) -> str:
    return f"fetch {media_id}"
