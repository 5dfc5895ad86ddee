"""Finds what RQ's own tools changed behind our back and makes every place of a task agree again.

Counting is cheap, so it is done all the time; only where the counts of RQ's structures and our indexes differ are the
members compared, and only tasks that stand out are reconciled. All of it is done in slices of a few hundredths of a
second, between which the daemon's other chores have their turn, however much was changed.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping

from redis import Redis

from broker import task_log
from broker.daemon.adoption import Adoption
from broker.daemon.comparison import Comparison, batches
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.status import Status

log = logging.getLogger(__name__)

_EVERY = 1.0
#: Seconds of one slice, and of the rest after it.
_SLICE = 0.05
#: A round of counting may take one part in so many of the time: with thousands of tenants it is made less often.
_SHARE = 50
#: Tasks of one script that removes what is left of them.
_BATCH = 100
#: In a list this long, ids without a task are left to the claims that reach them: to look for one takes milliseconds.
_LONG_LIST = 100_000


class Reconcile:
    name = "reconcile"

    def __init__(self, redis: "Redis", keys: Keys, *, clock: str = "clock", slice_seconds: float = _SLICE) -> None:
        self._redis = redis
        self._keys = keys
        self._slice = slice_seconds
        self._census = Script("census")
        self._reconcile = Script("reconcile", clock=clock)
        self._remove_gone = Script("remove_gone", clock=clock)
        self._adoption = Adoption(redis, keys, clock=clock)
        self._round: Iterator[None] | None = None
        self._counting = 0.0
        #: By type, the differences that were left as they are: they are not looked into again until they change.
        self._left: dict[str, dict[Status, int]] = {}

    def tick(self) -> float:
        """One slice of a round over all types."""
        if self._round is None:
            self._counting = 0.0
            self._round = self._look_at_all()
        end = time.monotonic() + self._slice
        try:
            for _ in self._round:
                if time.monotonic() >= end:
                    return self._slice
        except BaseException:
            self._round = None
            raise
        self._round = None
        return max(_EVERY, self._counting * _SHARE)

    def forget_dead_workers(self) -> None:
        """Takes workers whose records have expired off RQ's lists of workers."""
        known = sorted(self._redis.smembers(self._keys.workers()))
        with self._redis.pipeline(transaction=False) as reads:
            for key in known:
                reads.exists(key)
            alive = reads.execute()
        dead = [key for key, lives in zip(known, alive, strict=True) if not lives]
        if dead:
            self._redis.srem(self._keys.workers(), *dead)
            for type_name in self._redis.smembers(self._keys.types()):
                self._redis.srem(self._keys.registry("workers", type_name), *dead)

    def _look_at_all(self) -> Iterator[None]:
        self.forget_dead_workers()
        for type_name in sorted(self._redis.smembers(self._keys.types())):
            began = time.monotonic()
            differing = self._differing(type_name)
            self._counting += time.monotonic() - began
            yield
            if differing and differing != self._left.get(type_name):
                yield from self._mend(type_name, differing)
            elif not differing:
                self._left.pop(type_name, None)
            yield from self._adopt(type_name)

    def _adopt(self, type_name: str) -> Iterator[None]:
        adopted = task_log.Some()
        for ids in self._adoption.look(type_name):
            adopted.add(ids)
            yield
        if adopted.count:
            task_log.warn_of_many("stood in no line, do now", type=type_name, tasks=adopted)

    def _differing(self, type_name: str) -> dict[Status, int]:
        """By status, how many more tasks RQ's structures hold than our indexes."""
        answer = self._census(self._redis, prefix=self._keys.prefix, type_name=type_name)
        rows = zip(answer[::3], answer[1::3], answer[2::3], strict=True)
        return {Status(status): theirs - ours for status, theirs, ours in rows if theirs != ours}

    def _mend(self, type_name: str, differing: dict[Status, int]) -> Iterator[None]:
        mended: defaultdict[str, task_log.Some] = defaultdict(task_log.Some)
        left = 0
        for status in sorted(differing):
            found = Comparison(self._redis, self._keys, type_name, status)
            yield from found.read()
            for done, ids in self._mend_not_placed(type_name, found):
                mended[done].add(ids)
                yield
            for task_id in found.misplaced():
                if self._is_left_to_claims(task_id, found):
                    left += 1
                else:
                    tenant, queue = found.tenant_of.get(task_id, ""), found.queue_of[task_id]
                    mended[self._mend_one(task_id, tenant, queue, found.copies[task_id])].add([task_id])
                yield
        mended.pop("", None)  # those that were merely in motion
        self._tell(type_name, mended, left)
        self._left[type_name] = differing if left and not mended else {}

    def _tell(self, type_name: str, mended: Mapping[str, task_log.Some], left: int) -> None:
        for now, tasks in mended.items():
            task_log.warn_of_many(f"changed from outside: {now} now", type=type_name, tasks=tasks)
        if left:
            log.warning("%d ids of deleted tasks stand in queues of %s until a claim reaches them", left, type_name)

    def _mend_one(self, task_id: str, tenant: str, queue: str, copies: int) -> str:
        values = {"id": task_id, "tenant": tenant, "queue": queue, "copies": copies}
        done = str(self._reconcile(self._redis, prefix=self._keys.prefix, **values))
        if done == "set_aside":
            log.warning("job %s in queue %s is another program's: it waits in queue set-aside now", task_id, queue)
        return done

    def _mend_not_placed(self, type_name: str, found: Comparison) -> Iterator[tuple[str, list[str]]]:
        """What was done to which, step by step; those whose hash is gone are removed many at a time."""
        for batch in batches(found.not_placed(), _BATCH):
            gone: dict[str, list[str]] = defaultdict(list)
            for task_id, queue in zip(batch, self._origins(batch), strict=True):
                if queue:
                    yield self._mend_one(task_id, found.tenant_of[task_id], queue, 0), [task_id]
                else:
                    gone[found.tenant_of[task_id]].append(task_id)
            for tenant, ids in gone.items():
                removed = self._remove_gone(
                    self._redis, prefix=self._keys.prefix, tenant=tenant, type_name=type_name, ids=ids
                )
                yield "gone", removed

    def _is_left_to_claims(self, task_id: str, found: Comparison) -> bool:
        return (
            found.status is Status.PENDING
            and self._redis.llen(self._keys.rq_queue(found.queue_of[task_id])) > _LONG_LIST
            and not self._redis.exists(self._keys.job(task_id))
        )

    def _origins(self, task_ids: list[str]) -> list[str | None]:
        with self._redis.pipeline(transaction=False) as reads:
            for task_id in task_ids:
                reads.hget(self._keys.job(task_id), "origin")
            return list(reads.execute())
