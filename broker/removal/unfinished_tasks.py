"""Which tasks that have not ended are about some media files. Nothing keeps a list of them: they are looked for.

A list would cost every submission; this costs a deletion a page of reads for each thousand tasks that its tenant has
waiting, and one walk serves all files of the tenant that are looked for.
"""

import re
from collections.abc import Collection, Iterator

from redis import Redis

from broker.engine.keys import Keys
from broker.media.mentions import named_ids
from broker.status import TERMINAL, Status, score_range
from broker.tasks import stored_json

#: Running ones first: those can still write.
_STATUSES = sorted(set(Status) - TERMINAL, key=lambda status: (status is not Status.PROCESSING, status))
_PAGE = 1000
#: An id anywhere in a payload, with or without dashes; payloads without one of those looked for are not decoded.
_ID = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}")


class Unfinished:
    """Reads on one Redis client with ``decode_responses=True``. Its errors pass through."""

    def __init__(self, redis: "Redis", keys: Keys) -> None:
        self._redis = redis
        self._keys = keys

    def naming(self, tenant: str, media_ids: Collection[str]) -> Iterator[list[tuple[str, str]]]:
        """(task id, media id) of the tenant's unfinished tasks that name one of the files; a page of tasks a step."""
        wanted = set(media_ids)
        for type_name in sorted(self._redis.smembers(self._keys.types())):
            for status in _STATUSES:
                for ids in self._pages(self._keys.index(tenant, type_name), *score_range(status)):
                    yield self._about(ids, wanted)

    def named(self, tenant: str, media_ids: Collection[str]) -> set[str]:
        """Those of the files that an unfinished task names."""
        return {media_id for page in self.naming(tenant, media_ids) for _, media_id in page}

    def _pages(self, index: str, low: int, high: int) -> Iterator[list[str]]:
        """By score instead of by rank, which tasks that go meanwhile would change."""
        last, skipped = low, 0
        while page := self._redis.zrangebyscore(index, last, high, skipped, _PAGE, withscores=True):
            yield [task_id for task_id, _ in page]
            end = int(page[-1][1])
            same = sum(score == end for _, score in page)
            last, skipped = end, same + (skipped if end == last else 0)

    def _about(self, task_ids: list[str], wanted: set[str]) -> list[tuple[str, str]]:
        with self._redis.pipeline(transaction=False) as reads:
            for task_id in task_ids:
                reads.hget(self._keys.job(task_id), "payload")
            payloads = reads.execute()
        found = zip(task_ids, payloads, strict=True)
        return [(task_id, media_id) for task_id, text in found if text for media_id in _named(text, wanted)]


def _named(payload: str, wanted: set[str]) -> set[str]:
    """Those of the wanted files that a payload names in its members."""
    if not any(_dashed(found) in wanted for found in _ID.findall(payload.lower())):
        return set()
    try:
        return wanted.intersection(named_ids(stored_json.decode(payload)))
    except ValueError:  # a foreign hand has spoilt it
        return set()


def _dashed(found: str) -> str:
    digits = found.replace("-", "")
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
