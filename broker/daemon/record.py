"""Notes every ten seconds what each type did in them; see `broker.forecast.history`."""

from redis import Redis

from broker.engine.keys import Keys
from broker.forecast.history import STEP, History
from broker.forecast.reading import queues_of
from broker.forecast.sampling import Sampler
from broker.task_type import TaskTypes

#: Seconds into the next ten at which one looks: a start that was granted ahead has begun by then.
_LATER = 0.05


class Record:
    name = "record"

    def __init__(self, redis: "Redis", keys: Keys, types: TaskTypes) -> None:
        self._redis = redis
        self._keys = keys
        self._types = sorted(types)
        self._sampler = Sampler(redis, keys)
        self._history = History(redis, keys)

    def tick(self) -> float:
        queues = queues_of(self._redis, self._keys, self._types)
        for name, row in self._sampler.rows(queues).items():
            self._history.write(name, row)
        seconds, micros = self._redis.time()
        return float(STEP - (seconds % STEP + micros / 1e6) + _LATER)
