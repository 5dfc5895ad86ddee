"""Finds tasks that stand in RQ's list of a queue and in no line, where gateways of an older release put them."""

from collections import defaultdict
from collections.abc import Iterator

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.levels import queue_names

#: Tasks of one look: a millisecond of Redis' time.
_SLICE = 100


class Adoption:
    """On one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, *, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._adopt = Script("adopt", clock=clock)
        #: By queue, where in its list the next look begins.
        self._next: defaultdict[str, int] = defaultdict(int)

    def look(self, type_name: str) -> Iterator[list[str]]:
        """The ids of those that got in line, look by look.

        In each queue at the newest tasks, and at others that were not looked at for the longest.
        """
        for queue in queue_names(type_name):
            length = self._redis.llen(self._keys.rq_queue(queue))
            if length:
                yield self._adopted(queue, -_SLICE, -1)
            if length > _SLICE:
                first = self._next[queue] if self._next[queue] < length - _SLICE else 0
                self._next[queue] = first + _SLICE
                yield self._adopted(queue, first, first + _SLICE - 1)

    def _adopted(self, queue: str, first: int, last: int) -> list[str]:
        found: list[str] = self._adopt(self._redis, prefix=self._keys.prefix, queue=queue, first=first, last=last)
        return found
