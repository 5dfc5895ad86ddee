"""Notes four times a second why the next tasks of each type do not start; see `broker.bill`."""

from redis import Redis

from broker.bill.logs import BLIND_US
from broker.engine.keys import Keys
from broker.engine.scripts import Script

#: Seconds: what a task has waited for is told to within so much.
_EVERY = 0.25


class Sample:
    name = "sample"

    def __init__(self, redis: "Redis", keys: Keys, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._sample = Script("sample_waits", clock=clock)

    def tick(self) -> float:
        for name in sorted(self._redis.smembers(self._keys.types())):
            self._sample(self._redis, prefix=self._keys.prefix, type_name=name, blind_us=BLIND_US)
        return _EVERY
