"""Forecasts when some waiting tasks start and scores that, so that intervals become as wide as they must be."""

import random
from typing import Any, NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.values import moment
from broker.forecast.forecast import Interval
from broker.forecast.forecasts import Forecasts
from broker.forecast.reading import queues_of
from broker.forecast.standing import standings
from broker.status import RQ_STATUS, Status
from broker.task_type import TaskTypes

#: Seconds between two looks; tasks of a queue that are forecast in one, and in all that have not started.
_EVERY, _AT_ONCE, _AT_MOST = 30.0, 3, 50


class _Open(NamedTuple):
    """A forecast that is to come true."""

    type: str
    made_us: int
    start: Interval


class Score:
    name = "score"

    def __init__(
        self, redis: "Redis", keys: Keys, types: TaskTypes, forecasts: Forecasts, seed: int | None = None
    ) -> None:
        self._redis = redis
        self._keys = keys
        self._types = sorted(types)
        self._forecasts = forecasts
        self._random = random.Random(seed)
        self._open: dict[str, _Open] = {}

    def tick(self) -> float:
        self._close()
        self._foresee()
        return _EVERY

    def _close(self) -> None:
        """Scores those that have started."""
        with self._redis.pipeline(transaction=False) as reads:
            for task_id in self._open:
                reads.hmget(self._keys.job(task_id), "status", "started_at")
            rows: list[Any] = reads.execute()
        for task_id, (status, started_at) in zip(list(self._open), rows, strict=True):
            started = moment(started_at)
            forecast = self._open[task_id]
            if started is not None and started >= forecast.made_us:
                self._forecasts.accuracies.record(forecast.type, forecast.start, (started - forecast.made_us) / 1e6)
            if started is not None or status != RQ_STATUS[Status.PENDING]:
                del self._open[task_id]

    def _foresee(self) -> None:
        """Some that wait, at random; nothing is made while nothing waits."""
        queues = [queue for each in queues_of(self._redis, self._keys, self._types).values() for queue in each]
        with self._redis.pipeline(transaction=False) as reads:
            for queue in queues:
                reads.llen(self._keys.rq_queue(queue))
            lengths = reads.execute()
        with self._redis.pipeline(transaction=False) as reads:
            for queue, length in zip(queues, lengths, strict=True):
                for _ in range(min(_AT_ONCE, length)):
                    reads.lindex(self._keys.rq_queue(queue), self._random.randrange(length))
            ids = [each for each in dict.fromkeys(reads.execute()) if each and each not in self._open]
        ids = ids[: max(0, _AT_MOST - len(self._open))]
        if not ids:
            return
        forecast, at_us = self._forecasts.current()
        for task_id, standing in zip(ids, standings(self._redis, self._keys, ids), strict=True):
            if standing and not standing.due_us and (start := forecast.start(standing.place)):
                self._open[task_id] = _Open(standing.place.type, at_us, start)
