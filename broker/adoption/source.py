"""The Redis of the RQ system: what is taken from its queues, what is ours meanwhile, and what goes back.

A job is in RQ's list or in ours (``taken``, until it is a task), never in neither: each move is one script. A mark says
of each job that is ours for which time (1, 2, ...), and whether its run has begun; only who finds its own runs a job.
"""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from redis import Redis

from broker.adoption.names import function_name
from broker.engine.connection import connect
from broker.engine.keys import Keys

#: What is due goes into the queue, the front of the queue becomes ours; returns ids and marks of what is no task yet.
_TAKE = """
if redis.call('SISMEMBER', KEYS[1], ARGV[1]) == 1 then
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])) do
    redis.call('ZREM', KEYS[3], id)
    if redis.call('TYPE', ARGV[4] .. id).ok == 'hash' then
      redis.call('HSET', ARGV[4] .. id, 'status', 'queued')
      redis.call('RPUSH', KEYS[2], id)
    end
  end
  for _ = 1, tonumber(ARGV[3]) - redis.call('LLEN', KEYS[4]) do
    local id = redis.call('LPOP', KEYS[2])
    if not id then break end
    if redis.call('TYPE', ARGV[4] .. id).ok == 'hash' then
      local count = redis.pcall('HINCRBY', ARGV[4] .. id, 'adoptions', 1)
      if type(count) == 'table' then -- somebody wrote no number there
        redis.call('HSET', ARGV[4] .. id, 'adoptions', 1)
        count = 1
      end
      redis.call('HSET', KEYS[5], id, count .. ':waiting')
      redis.call('RPUSH', KEYS[4], id)
    end
  end
end
local found = {}
for _, id in ipairs(redis.call('LRANGE', KEYS[4], 0, ARGV[3] - 1)) do
  found[#found + 1] = id
  found[#found + 1] = redis.call('HGET', KEYS[5], id) or ''
end
return found
"""
#: It is a task by now. A mark of another time means that it went back meanwhile, and perhaps came again.
_TAKEN = """
local mark = redis.call('HGET', KEYS[2], ARGV[1])
if not mark or mark == ARGV[2] .. ':waiting' or mark == ARGV[2] .. ':running' then
  return redis.call('LREM', KEYS[1], 1, ARGV[1])
end
return 0
"""
_BEGIN = """
local mark = redis.call('HGET', KEYS[1], ARGV[1])
if mark ~= ARGV[2] .. ':waiting' and mark ~= ARGV[2] .. ':running' then return 0 end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2] .. ':running')
return 1
"""
#: It is not ours any more. With a status, RQ has not been told how it ended.
_END = """
local mark = redis.call('HGET', KEYS[1], ARGV[1])
if mark ~= ARGV[2] .. ':waiting' and mark ~= ARGV[2] .. ':running' then return 0 end
redis.call('HDEL', KEYS[1], ARGV[1])
if ARGV[3] ~= '' and redis.call('EXISTS', KEYS[2]) == 1 then
  redis.call('HSET', KEYS[2], 'status', ARGV[3])
  redis.call('ZADD', KEYS[3], ARGV[4], ARGV[1])
end
return 1
"""
_GIVE_BACK = """
local mark = redis.call('HGET', KEYS[1], ARGV[1])
if not mark then return 'gone' end
if string.find(mark, ':running', 1, true) and ARGV[2] ~= 'force' then return mark end
redis.call('HDEL', KEYS[1], ARGV[1])
redis.call('LREM', KEYS[2], 0, ARGV[1])
if redis.call('EXISTS', KEYS[4]) == 0 then return 'gone' end
redis.call('HSET', KEYS[4], 'status', 'queued')
redis.call('SADD', KEYS[5], KEYS[3])
redis.call('LPUSH', KEYS[3], ARGV[1])
return 'back'
"""
#: Ids may be any bytes. What is no UTF-8 is kept so in text, and goes back as it came.
_ANY = "surrogateescape"
#: Jobs of one look.
SLICE = 100
_YEAR = 31_536_000
#: Where RQ keeps what ended so.
_REGISTRIES = {"failed": "failed", "canceled": "canceled"}


class Source:
    """One RQ system. ``rq`` is its prefix, ``keys`` are ours, which lie in its Redis as long as jobs are ours."""

    def __init__(self, url: str, rq: str, keys: Keys) -> None:
        self.redis: Redis = connect(url, decode_responses=False)
        self.rq, self.url = rq, url
        self._keys = keys

    # what there is ----------------------------------------------------------------------------------------------

    def queue_names(self) -> list[str]:
        prefix = f"{self.rq}:queue:"
        names = (_text(key).removeprefix(prefix) for key in self.redis.smembers(f"{self.rq}:queues"))
        return sorted(names)

    def counts(self, queue: str) -> dict[str, int]:
        """Jobs by where they are."""
        found = {"queued": self.redis.llen(self._list(queue))}
        for name, key in (
            ("scheduled", "scheduled"),
            ("deferred", "deferred"),
            ("started", "wip"),
            ("failed", "failed"),
        ):
            found[name] = self.redis.zcard(f"{self.rq}:{key}:{queue}")
        found["ours"] = self.redis.hlen(self._keys.adopted_jobs(queue))
        return found

    def functions(self, queue: str, most: int = 1000) -> dict[str, int]:
        """How many of the first ``most`` waiting jobs call what; nothing of them is loaded."""
        counted: dict[str, int] = {}
        ids = self.redis.lrange(self._list(queue), 0, most - 1)
        for data in self._data(ids):
            name = function_name(data) if data else "?"
            counted[name] = counted.get(name, 0) + 1
        return dict(sorted(counted.items(), key=lambda item: -item[1]))

    def workers(self, queue: str) -> int:
        """RQ's own workers that listen to it."""
        return int(self.redis.scard(f"{self.rq}:workers:{queue}"))

    def _data(self, ids: Sequence[bytes]) -> list[bytes | None]:
        with self.redis.pipeline(transaction=False) as reads:
            for each in ids:
                reads.hget(self._job(_text(each)), "data")
            return [each if isinstance(each, bytes) else None for each in reads.execute(raise_on_error=False)]

    def adopted(self) -> list[str]:
        """The queues whose jobs are taken over."""
        return sorted(_text(name) for name in self.redis.smembers(self._keys.adopted_queues()))

    # taking -----------------------------------------------------------------------------------------------------

    def begin_adopting(self, queue: str) -> None:
        self.redis.sadd(self._keys.adopted_queues(), queue)

    def end_adopting(self, queue: str) -> None:
        self.redis.srem(self._keys.adopted_queues(), queue)

    def take(self, queue: str) -> list[tuple[str, int, dict[bytes, bytes]]]:
        """(id, which time it is ours, fields of its hash) of jobs that are ours and no tasks yet, in their order."""
        keys = self._keys
        found = self.redis.eval(
            _TAKE, 5, keys.adopted_queues(), self._list(queue), f"{self.rq}:scheduled:{queue}",
            keys.taken_jobs(queue), keys.adopted_jobs(queue), queue, int(time.time()), SLICE, self._job(""),
        )  # fmt: skip
        pairs = [(_text(each), mark.decode()) for each, mark in zip(found[::2], found[1::2], strict=True)]
        with self.redis.pipeline(transaction=False) as reads:
            for job_id, _ in pairs:
                reads.hgetall(self._job(job_id))
            hashes = reads.execute()
        return [(job, int(mark.partition(":")[0] or 0), each) for (job, mark), each in zip(pairs, hashes, strict=True)]

    def note_taken(self, queue: str, job_id: str, adoption: int) -> None:
        """It is a task."""
        self.redis.eval(
            _TAKEN, 2, self._keys.taken_jobs(queue), self._keys.adopted_jobs(queue), _raw(job_id), adoption
        )  # fmt: skip

    # running ----------------------------------------------------------------------------------------------------

    def begin(self, queue: str, job_id: str, adoption: int) -> bool:
        """Whether the job is this task's to run."""
        return bool(self.redis.eval(_BEGIN, 1, self._keys.adopted_jobs(queue), _raw(job_id), adoption))

    def end(self, queue: str, job_id: str, adoption: int, status: str = "") -> bool:
        """The job is ours no more; ``status`` (``failed``, ``canceled``) is what RQ is to be told."""
        registry = f"{self.rq}:{_REGISTRIES.get(status, 'failed')}:{queue}"
        return bool(
            self.redis.eval(
                _END, 3, self._keys.adopted_jobs(queue), self._job(job_id), registry,
                _raw(job_id), adoption, status, int(time.time()) + _YEAR,
            )
        )  # fmt: skip

    def is_taken(self, queue: str, job_id: str) -> bool:
        """Whether it is ours and no task yet."""
        return self.redis.lpos(self._keys.taken_jobs(queue), _raw(job_id)) is not None

    def forget_runs(self, queue: str, job_id: str) -> None:
        """Of runs of a job that died with their workers: their entries would make RQ call a later one abandoned."""
        registry = f"{self.rq}:wip:{queue}"
        for entry in self.redis.zrange(registry, 0, -1):
            if _text(entry).startswith(f"{job_id}:"):
                self.redis.zrem(registry, entry)

    def marks(self, queue: str) -> Iterator[tuple[str, int, str]]:
        """(id, which time, ``waiting`` or ``running``) of every job that is ours."""
        for job_id, mark in self.redis.hscan_iter(self._keys.adopted_jobs(queue), count=SLICE):
            adoption, _, state = mark.decode().partition(":")
            yield _text(job_id), int(adoption), state

    # the way back -----------------------------------------------------------------------------------------------

    def newest_first(self, queue: str) -> list[tuple[str, int, str]]:
        """All marks, by when RQ had them enqueued."""
        marks = list(self.marks(queue))
        with self.redis.pipeline(transaction=False) as reads:
            for job_id, *_ in marks:
                reads.hget(self._job(job_id), "enqueued_at")
            moments = reads.execute()
        return [each for _, each in sorted(zip((at or b"" for at in moments), marks, strict=True), reverse=True)]

    def give_back(self, queue: str, job_id: str, *, force: bool = False) -> str:
        """``back`` at the front of RQ's queue, ``gone``, or its mark if its run has begun, without ``force``."""
        keys = self._keys
        answer: Any = self.redis.eval(
            _GIVE_BACK, 5, keys.adopted_jobs(queue), keys.taken_jobs(queue), self._list(queue), self._job(job_id),
            f"{self.rq}:queues", _raw(job_id), "force" if force else "",
        )  # fmt: skip
        return str(answer.decode())

    def _list(self, queue: str) -> str:
        return f"{self.rq}:queue:{queue}"

    def _job(self, job_id: str) -> bytes:
        return _raw(f"{self.rq}:job:{job_id}")


def _text(raw: bytes) -> str:
    return raw.decode(errors=_ANY)


def _raw(text: str) -> bytes:
    return text.encode(errors=_ANY)
