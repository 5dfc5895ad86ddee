"""Which tasks of a type and status our indexes and RQ's lists and registries do not agree about, read page by page."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from redis import Redis

from broker.engine.keys import Keys
from broker.levels import queue_names
from broker.status import REGISTRY, Status, score_range

T = TypeVar("T")

#: Members of one read.
_PAGE = 1000


class Comparison:
    """The tasks of one type in one status. ``read`` first, then ask."""

    def __init__(self, redis: "Redis", keys: Keys, type_name: str, status: Status) -> None:
        self._redis = redis
        self._keys = keys
        self._type_name = type_name
        self.status = status
        #: Task id -> its tenant, of our indexes.
        self.tenant_of: dict[str, str] = {}
        #: Task id -> its queue, of RQ's list or registry, and how often it is there.
        self.queue_of: dict[str, str] = {}
        self.copies: Counter[str] = Counter()

    def read(self) -> Iterator[None]:
        """Reads one page a step."""
        for tenant in sorted(self._redis.smembers(self._keys.tenants())):
            for ids in self._indexed(tenant):
                self.tenant_of |= dict.fromkeys(ids, tenant)
                yield
        for queue in queue_names(self._type_name):
            for ids in self._placed(queue):
                self.queue_of |= dict.fromkeys(ids, queue)
                self.copies.update(ids)
                yield

    def not_placed(self) -> list[str]:
        """Tasks in our indexes that RQ's structures do not hold."""
        return [task_id for task_id in self.tenant_of if task_id not in self.copies]

    def misplaced(self) -> list[str]:
        """Tasks that RQ's structures hold more than once, or that our indexes do not."""
        return [task_id for task_id, count in self.copies.items() if count > 1 or task_id not in self.tenant_of]

    def _indexed(self, tenant: str) -> Iterator[list[str]]:
        index = self._keys.index(tenant, self._type_name)
        low, high = score_range(self.status)
        first = self._redis.zcount(index, "-inf", f"({low}")
        end = first + self._redis.zcount(index, low, high)
        for start in range(first, end, _PAGE):
            yield self._redis.zrange(index, start, min(start + _PAGE, end) - 1)

    def _placed(self, queue: str) -> Iterator[list[str]]:
        if self.status is Status.PENDING:
            return self._listed(self._keys.rq_queue(queue))
        return self._members(self._keys.registry(REGISTRY[self.status], queue))

    def _listed(self, key: str) -> Iterator[list[str]]:
        """From the end to the head: what claims take meanwhile moves nothing out of what is read next.

        It moves some of what was read already into it, which is left out.
        """
        end, read_last = self._redis.llen(key), ""
        while end > 0:
            start = max(0, end - _PAGE)
            page: list[str] = self._redis.lrange(key, start, end - 1)
            new = page[: page.index(read_last)] if read_last in page else page
            if new:
                read_last = new[0]
                yield new
            end = start

    def _members(self, key: str) -> Iterator[list[str]]:
        for page in batches((member for member, _ in self._redis.zscan_iter(key, count=_PAGE)), _PAGE):
            yield [member.partition(":")[0] for member in page]


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items, so many at a time."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch
