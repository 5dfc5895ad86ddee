"""Every read of tasks: one, a page, statistics. Reads write nothing and answer the truth of the moment."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.errors import NotFound
from broker.status import Status, score_range
from broker.task import STORED_FIELDS, Found, Page, Stats, Task
from broker.tasks.flows import Flow, from_answer
from broker.tasks.places import Place
from broker.tasks.task_fields import task_of
from broker.tasks.task_filters import Wanted

#: Seconds after which an answer is given with what was found, and told to be incomplete. A script takes milliseconds.
_PATIENCE = 0.25
#: An offset beyond all tasks, for who wants their number alone.
_BEYOND = 2**50


class Queries:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._keys = keys
        self._clock = clock
        self._page = Script("page")
        self._find = Script("find")
        self._flow = Script("flow")

    def get(self, tenant: str, task_id: str) -> Task:
        """One task. Raises ``NotFound`` when the tenant has none of this id."""
        values: Any = self._redis.hmget(self._keys.job(task_id), STORED_FIELDS)
        task = task_of(task_id, values)
        if task is None or task.tenant != tenant:
            raise NotFound("There is no task with this id.")
        return task

    def get_at(self, tenant: str, task_id: str) -> tuple[Task, str]:
        """One task, and the id of the tenant's last event, which it shows already. Raises ``NotFound``."""
        with self._redis.pipeline(transaction=True) as reads:
            reads.xrevrange(self._keys.events(tenant), count=1)
            reads.hmget(self._keys.job(task_id), STORED_FIELDS)
            last, values = reads.execute()
        task = task_of(task_id, values)
        if task is None or task.tenant != tenant:
            raise NotFound("There is no task with this id.")
        return task, last[0][0] if last else "0-0"

    def get_many(self, tenant: str, task_ids: Sequence[str]) -> dict[str, Task]:
        """Those of these tasks that the tenant has, by id."""
        with self._redis.pipeline(transaction=False) as reads:
            for task_id in task_ids:
                reads.hmget(self._keys.job(task_id), STORED_FIELDS)
            rows = zip(task_ids, reads.execute(), strict=True)
        tasks = [task for task_id, values in rows if (task := task_of(task_id, values))]
        return {task.id: task for task in tasks if task.tenant == tenant}

    def page(self, tenant: str, wanted: Wanted = Wanted(), *, limit: int = 50, offset: int = 0) -> Page:  # noqa: B008
        """Tasks newest first, and how many match, of one moment. ``wanted`` must not be such that ``looks``.

        Of a flow, those count too that were removed after their retention.
        """
        total, *rows = self._page(
            self._redis,
            prefix=self._keys.prefix,
            tenant=tenant,
            statuses=",".join(wanted.statuses),
            type_names=",".join(wanted.types),
            flow=wanted.flow or "",
            first="-inf" if wanted.start_us is None else wanted.start_us,
            last="+inf" if wanted.end_us is None else wanted.end_us,
            offset=offset,
            limit=limit,
            fields=STORED_FIELDS,
        )
        tasks = [task for task_id, values in rows if (task := task_of(task_id, values))]
        return Page(tasks, total, limit, offset)

    def count(self, tenant: str, wanted: Wanted) -> int | None:
        """How many match; ``None`` where each would have to be looked at."""
        return None if wanted.looks else self.page(tenant, wanted, limit=1, offset=_BEYOND).total

    def find(self, tenant: str, wanted: Wanted, place: Place, limit: int) -> Found:
        """Tasks behind a place, or before it, in the order of the list. What was there all the time is found once.

        It ends early where looking for them takes long.
        """
        argument = wanted.script_argument(ended=place.order.by_end, up=place.order.up != place.back)
        end = self._clock() + _PATIENCE
        found: list[tuple[Task, str]] = []
        moment, beyond, more = place.moment, place.task_id, 1
        while more and len(found) < limit:
            more, moment, beyond, *rows = self._find(
                self._redis,
                prefix=self._keys.prefix,
                tenant=tenant,
                wanted=argument,
                moment=moment,
                beyond=beyond,
                limit=limit - len(found),
                fields=STORED_FIELDS,
            )
            found += [(task, at) for task_id, at, values in rows if (task := task_of(task_id, values))]
            if self._clock() >= end:
                break
        come_to = Place(place.order, place.back, moment, beyond) if more else None
        return _found(place, found, come_to, limit)

    def flow(self, tenant: str, flow_id: str) -> Flow:
        """How a flow stands. Raises ``NotFound``."""
        answer = self._flow(self._redis, prefix=self._keys.prefix, tenant=tenant, flow=flow_id)
        if not answer:
            raise NotFound("There is no flow with this id.")
        return from_answer(flow_id, answer)

    def stats(self, tenant: str, types: Sequence[str]) -> Stats:
        """Counts over all of the tenant's tasks, of one moment."""
        with self._redis.pipeline(transaction=True) as reads:
            for type_name in types:
                for status in Status:
                    reads.zcount(self._keys.index(tenant, type_name), *score_range(status))
            for type_name in types:
                reads.scard(self._keys.spared(tenant, type_name))
            reads.hgetall(self._keys.durations(tenant))
            *read, durations = reads.execute()
        counts, spared = read[: len(types) * len(Status)], sum(read[len(types) * len(Status) :])
        by_type = {name: sum(counts[i * len(Status) : (i + 1) * len(Status)]) for i, name in enumerate(types)}
        by_status = {str(status): sum(counts[i :: len(Status)]) for i, status in enumerate(Status)}
        total, completed = sum(counts), by_status[Status.COMPLETED]
        spent_us = sum(int(durations.get(name, 0)) for name in types)
        return Stats(
            total=total,
            by_status=by_status,
            by_type=by_type,
            average_duration_seconds=spent_us / completed / 1e6 if completed else None,
            success_rate=completed / (total - spared) if total > spared else 0.0,
        )


def _found(place: Place, found: list[tuple[Task, str]], come_to: Place | None, limit: int) -> Found:
    """What was found from a place on, and where it goes on in both directions; ``come_to`` where there may be more."""
    tasks = [task for task, _ in found]
    incomplete = come_to is not None and len(found) < limit
    turned = None
    if found:
        nearest, moment = found[0]
        turned = Place(place.order, not place.back, moment, nearest.id)
    if place.back:
        return Found(tasks[::-1], turned or Place(place.order), come_to, incomplete)
    return Found(tasks, come_to, turned if place.moment else None, incomplete)
