"""Removes the function libraries of other releases, which the server keeps for ever.

A process that still runs such a release does not mind: it loads its library again when it misses it.
"""

import logging

from redis import Redis
from redis.exceptions import NoPermissionError, ResponseError

from broker.clock import Clock
from broker.engine.keys import Keys
from broker.engine.scripts import LIBRARIES, library

log = logging.getLogger(__name__)

_EVERY = 3600.0
#: Seconds that one is kept after a daemon has found it: a release that is rolled out has ended by then.
_KEPT = 86_400


class Libraries:
    name = "libraries"

    def __init__(self, redis: "Redis", keys: Keys, clock: Clock | None = None) -> None:
        self._redis = redis
        self._key = keys.libraries()
        self._clock = clock or Clock()

    def tick(self) -> float:
        try:
            self._remove_old()
        except (NoPermissionError, ResponseError) as error:  # there are none, or they are none of this user's business
            log.debug("function libraries are left alone: %s", error)
        return _EVERY

    def _remove_old(self) -> None:
        now = self._clock.now_us() // 1_000_000
        listed = self._redis.function_list(library=f"{LIBRARIES}*")
        others = {dict(zip(each[::2], each[1::2], strict=True))["library_name"] for each in listed} - {library()[0]}
        known: dict[str, str] = self._redis.hgetall(self._key)
        for name in sorted(others):
            if name not in known:
                self._redis.hset(self._key, name, now)
            elif now - int(known[name]) >= _KEPT:
                log.info("removing the function library %s of another release", name)
                self._redis.function_delete(name)
                self._redis.hdel(self._key, name)
        if gone := known.keys() - others:
            self._redis.hdel(self._key, *gone)
