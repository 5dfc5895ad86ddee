"""Is every task in all its places, and is nothing else in any? Read in pages; nothing is held in memory but defects.

Each member of each place must belong there, and each task be in every index and registry that its hash names. Lists
cannot be asked for a member cheaply: one whose members all belong there, in strictly rising order, holds each once, so
it lacks none exactly when it is as long as the index.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, compress, islice

from redis import Redis

from broker.doctor.finding import Finding
from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.levels import queue_names
from broker.status import REGISTRY, Status, score_range

#: How check_places.lua ends what it says of a task that belongs into this queue, but not there or not so often.
_DISORDER = "out of order"
#: Members of one look: a millisecond or two of Redis' time.
_PAGE = 100


class Places:
    """Reads on one Redis client with ``decode_responses=True``."""

    def __init__(self, redis: "Redis", keys: Keys, *, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._check = Script("check_places", clock=clock)
        self._census = Script("census")

    def findings(
        self, types: list[str], tenants: list[str], task_ids: Iterable[str], lines: Iterable[str]
    ) -> Iterator[Finding]:
        """All that is wrong with the places of tasks.

        ``task_ids`` are those of all job hashes, ``lines`` the names of what tasks wait in by their order.
        """
        yield from self._checked("", task_ids)
        for place in chain(self._existing(self._sorted_sets(types, tenants)), lines):
            members = self._redis.zscan_iter(self._keys.prefix + ":" + place, count=_PAGE)
            yield from self._checked(place, (member for member, _ in members))
        for name in types:
            for place in self._existing(f"queue:{queue}" for queue in queue_names(name)):
                yield from self._checked(place, self._listed(place.removeprefix("queue:")), overlap=True)
            yield from self._not_listed(name, tenants)

    def _sorted_sets(self, types: list[str], tenants: list[str]) -> Iterator[str]:
        yield "broker:due"
        for name in types:
            yield from (f"{registry}:{queue}" for registry in REGISTRY.values() for queue in queue_names(name))
        for tenant in tenants:
            yield from (f"broker:tasks:{tenant}:{name}" for name in types)

    def _existing(self, places: Iterable[str]) -> Iterator[str]:
        """Those that have members: most have none, and to ask for each by itself is most of the time of a look."""
        for page in pages(places):
            with self._redis.pipeline(transaction=False) as asked:
                for place in page:
                    asked.exists(f"{self._keys.prefix}:{place}")
                exist = asked.execute()
            yield from compress(page, exist)

    def _checked(self, place: str, members: Iterable[str], *, overlap: bool = False) -> Iterator[Finding]:
        """With ``overlap`` a page begins with the last of the one before, so that their order is seen too."""
        last: list[str] = []
        for page in pages(members):
            asked = [*last, *page]
            rows = self._check(self._redis, prefix=self._keys.prefix, place=place, members=asked)
            for member, tenant, queue, text in rows:
                cure = "order" if text.endswith(_DISORDER) else "task"
                yield Finding(f"task {member} {text}", cure, place, member, tenant, queue)
            last = page[-1:] if overlap else []

    def _listed(self, queue: str) -> Iterator[str]:
        start = 0
        while page := self._redis.lrange(self._keys.rq_queue(queue), start, start + _PAGE - 1):
            yield from page
            start += len(page)

    def _not_listed(self, type_name: str, tenants: list[str]) -> Iterator[Finding]:
        """Pending tasks that no list holds; looked for only where the numbers differ."""
        _, in_lists, in_indexes, *_ = self._census(self._redis, prefix=self._keys.prefix, type_name=type_name)
        if in_lists >= in_indexes:
            return
        listed = {task_id for queue in queue_names(type_name) for task_id in self._listed(queue)}
        for tenant in tenants:
            index, (low, high) = self._keys.index(tenant, type_name), score_range(Status.PENDING)
            for task_id, score in self._redis.zscan_iter(index, count=_PAGE):
                if low <= score <= high and task_id not in listed:
                    queue = self._redis.hget(self._keys.job(task_id), "origin") or type_name
                    yield Finding(f"task {task_id} is pending and in no queue", "task", "", task_id, tenant, queue)


def pages(members: Iterable[str]) -> Iterator[list[str]]:
    """Members in lists of at most a hundred."""
    rest = iter(members)
    while page := list(islice(rest, _PAGE)):
        yield page
