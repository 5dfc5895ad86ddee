"""Looks through the storage for objects that nobody can use, some hundred at a time, and for what dead writers left.

One daemon of all does it, and begins a round ten minutes after the last has ended. What is left behind is old enough
after 25 minutes, so it is found within the hour, as long as a round takes less than a quarter of one.
"""

import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator
from itertools import islice

from redis import Redis

from broker import scratch
from broker.engine.keys import Keys
from broker.media.storage import Aged, Live, Storage
from broker.removal.orphans import Orphans
from broker.removal.ownership import doubt

log = logging.getLogger(__name__)

#: Seconds after which a round may begin: when the last has ended, or its daemon has died.
_BETWEEN = 600
#: Seconds between two tries to begin one.
_LOOK = 30.0
#: Objects of one slice, and the rest after it in parts of the time that it took: a fifth of a core at most.
_SLICE, _REST = 500, 4.0
#: Seconds without another byte after which a writer is dead. A part of an upload has up to 8 MiB.
_DEAD = 45 * 60.0
#: The same where others use the storage, whose uploads go on for as long as they say.
_STRANGE = 8 * 24 * 3600.0


class Sweep:
    name = "sweep"

    def __init__(
        self, redis: "Redis", keys: Keys, orphans: Orphans, storage: Callable[[], Storage], live: Live
    ) -> None:
        """``live`` are the uploads that go on."""
        self._redis = redis
        self._live = live
        self._key = keys.sweeper()
        self._keys = keys
        self._orphans = orphans
        self._storage = storage
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}"
        self._walk: Iterator[Aged] | None = None
        self._doubt = ""

    def tick(self) -> float:
        """One slice of a round."""
        began = time.monotonic()
        try:
            if self._walk is None:
                if not self._begin():
                    return _LOOK
                self._walk = self._open()
            objects = list(islice(self._walk, _SLICE))
            self._orphans.remove(self._storage(), objects, alone=not self._doubt)
        except Exception:
            self._walk = None
            raise
        self._redis.set(self._key, self._name, ex=_BETWEEN)
        if len(objects) < _SLICE:
            self._walk = None
            return _LOOK
        return _REST * (time.monotonic() - began)

    def _begin(self) -> bool:
        """Whether no other daemon is at it, or was a few minutes ago."""
        return bool(self._redis.set(self._key, self._name, nx=True, ex=_BETWEEN))

    def _open(self) -> Iterator[Aged]:
        scratch.sweep()
        storage = self._storage()
        reason = doubt(self._redis, self._keys, storage)
        removed = storage.remove_unfinished(_STRANGE if reason else _DEAD, self._live)
        if removed:
            log.info("%d files were removed that dead writers have left unfinished", removed)
        if reason and reason != self._doubt:
            log.warning("files without a record are left alone: %s", reason)
        self._doubt = reason
        return storage.walk()
