"""Counts everything over and over while a storm rages: the counters must be exact in every moment, not only at last."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import RedisError

from broker.status import Status
from tests.broker.worker.harness import TENANT, Formation
from tests.broker.worker.task_types import TYPES

#: All counts of one moment: tasks that wait to be due; then by type and status those that are indexed, and those in the
#: lists and registries. A script of its own, so that nothing of the product vouches for itself.
_COUNT = """
local P, tenant = ARGV[1] .. ':', ARGV[2]
local placed = { scheduled = 'scheduled', processing = 'wip', completed = 'finished', failed = 'failed',
  cancelled = 'canceled' }
local reply = { redis.call('ZCARD', P .. 'broker:due') }
for i = 3, #ARGV do
  local type = ARGV[i]
  local lines = {}
  for rank, status in ipairs({ 'pending', 'scheduled', 'processing', 'completed', 'failed', 'cancelled' }) do
    local there = 0
    for priority = 0, 10 do
      local queue = priority == 0 and type or type .. ':' .. priority
      there = there + (placed[status] and redis.call('ZCARD', P .. placed[status] .. ':' .. queue)
        or redis.call('LLEN', P .. 'queue:' .. queue))
    end
    lines[#lines + 1] = redis.call('ZCOUNT', P .. 'broker:tasks:' .. tenant .. ':' .. type, (rank - 1) * 2 ^ 50,
      rank * 2 ^ 50 - 1)
    lines[#lines + 1] = there
  end
  reply[#reply + 1] = lines
end
return reply
"""


class Sampler:
    """Counts ten times a second; ``samples`` says how often, ``wrong`` what did not add up."""

    def __init__(self, formation: Formation) -> None:
        self.samples = 0
        self.wrong: list[str] = []
        self._redis = formation.broker.redis
        self._prefix = formation.broker.keys.prefix
        self._stop = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Counts as long as the block lasts."""
        thread = threading.Thread(target=self._watch)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            try:
                counts = self._redis.eval(_COUNT, 0, self._prefix, TENANT, *TYPES)
            except RedisError:  # the storm has taken the server; what it knows afterwards is counted again
                continue
            self.samples += 1
            self.wrong += _differences(*counts)


def _differences(due: int, *types: list[Any]) -> Iterator[str]:
    """What does not add up in the counts of one moment."""
    scheduled = 0
    for name, pairs in zip(TYPES, types, strict=True):
        indexed = dict(zip(Status, pairs[::2], strict=True))
        there = dict(zip(Status, pairs[1::2], strict=True))
        scheduled += indexed[Status.SCHEDULED]
        if indexed != there:
            yield f"{name}: indexed {indexed}, there {there}"
    if scheduled != due:
        yield f"{scheduled} tasks are scheduled and {due} wait to be due"
