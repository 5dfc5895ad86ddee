"""Whether this broker is the only one that keeps media in its storage.

Who finds files without a record knows that they are nobody's only then: they might be of another Redis, or of this one
before it was emptied. So each broker leaves a mark in the storage, named as its Redis names its own life.
"""

import io
from itertools import islice

from redis import Redis

from broker.engine.keys import Keys
from broker.media import paths
from broker.media.records import MediaStore
from broker.media.storage import Storage

#: Files of a storage without a mark that are looked at, to tell whose they are.
_SAMPLE = 1000


def doubt(redis: "Redis", keys: Keys, storage: Storage) -> str:
    """Why files without a record may be somebody else's, and what to do about it; empty when they cannot.

    Leaves this broker's mark where there is none and all files are its own. Raises ``Unavailable``.
    """
    mark = paths.broker_mark(redis.get(keys.life()) or "unknown")
    found = list(storage.keys(paths.BROKERS))
    if others := [key for key in found if key != mark]:
        return (
            "other brokers, or this one before its Redis was emptied, have kept files in this storage; if they are "
            f"gone for good, remove {', '.join(others)} from it"
        )
    if not found:
        if not _all_known(redis, keys, storage):
            return f"it is not known whose they are; if all of this storage is this broker's, put a file {mark} into it"
        storage.put(mark, io.BytesIO(keys.prefix.encode()))
    return ""


def _all_known(redis: "Redis", keys: Keys, storage: Storage) -> bool:
    media = MediaStore(redis, keys)
    files = set()
    for each in islice(storage.walk(), _SAMPLE):
        try:
            files.add(paths.place(each.key)[:2])
        except ValueError:
            continue
    return all(media.exists(tenant, media_id) for tenant, media_id in files)
