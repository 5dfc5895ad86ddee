"""The gateway's end of search."""

import json
import math
import time
import uuid
from dataclasses import asdict
from typing import Any

from redis import Redis

from broker.engine.connection import SOCKET_TIMEOUT, redis_errors
from broker.engine.keys import Keys
from broker.errors import Unavailable
from broker.search.found import Found
from broker.search.request import TIMEOUT, SearchRequest, check
from broker.search.wire import KEPT, REMEMBERED, decode

#: Seconds without a sign of life after which no search process is there.
_GONE_AFTER = 5.0
#: Seconds that a search process takes to start: who asks again then costs nothing.
_STARTS_IN = 5
#: Seconds without an answer, at most, after which it is asked for again: less than half of what Redis' clients bear.
_SILENCE = min(2.0, SOCKET_TIMEOUT / 2)


class SearchClient:
    """Asks whatever search process is there."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        """``redis`` answers text (``decode_responses=True``)."""
        self._redis = redis
        self._keys = keys

    def search(self, request: SearchRequest, timeout: float = TIMEOUT) -> Found:
        """The best matches among the tenant's media, best first.

        Raises ``InvalidInput``, ``NotIndexed``, ``UnsupportedMedia``, and
        ``Unavailable`` with ``retry_after`` in seconds when no search process is alive or
        none answers within ``timeout`` seconds.
        """
        check(request)
        request_id, again = uuid.uuid4().hex, min(math.ceil(timeout), _STARTS_IN)
        with redis_errors():
            now_ms = self._require_searcher()
            message = {"id": request_id, "deadline_ms": now_ms + round(timeout * 1000), "request": asdict(request)}
            answered = self._reply(self._keys.search_reply(request_id), json.dumps(message), timeout)
        if answered is None:  # by then whatever waited before this request was answered or dropped, too
            raise Unavailable("Search did not answer in time; try again shortly.", retry_after=again)
        try:
            return decode(answered[1])
        except (TypeError, ValueError, LookupError, AttributeError) as error:
            raise Unavailable("Search failed on this query; try again shortly.", retry_after=again) from error

    def _reply(self, key: str, message: str, timeout: float) -> Any:
        """What comes within that time; ``None`` where nothing does. Raises ``Unavailable`` as ``_require_searcher``."""
        deadline = time.monotonic() + timeout
        self._send(message)
        while True:
            if answered := self._redis.blpop([key], timeout=max(0.001, min(deadline - time.monotonic(), _SILENCE))):
                return answered
            if time.monotonic() >= deadline:
                return None
            self._require_searcher()
            self._send(message, again=True)

    def _send(self, message: str, *, again: bool = False) -> None:
        """Puts it behind all others, or, if it has waited, before them. Who has it already knows it by its id."""
        requests = self._keys.search_requests()
        with self._redis.pipeline() as sending:
            if again:
                sending.lrem(requests, 1, message)
                sending.lpush(requests, message)
            else:
                sending.rpush(requests, message)
            sending.expire(requests, KEPT)
            sending.execute()

    def _require_searcher(self) -> int:
        """The time in milliseconds. Raises ``Unavailable`` when there was no sign of life for a while."""
        with self._redis.pipeline(transaction=False) as asking:
            asking.pttl(self._keys.search_beat())
            asking.time()
            left_ms, (seconds, microseconds) = asking.execute()
        age = REMEMBERED - max(0, left_ms) / 1000
        if age > _GONE_AFTER:
            raise Unavailable("No search process is running right now.", retry_after=_STARTS_IN)
        return int(seconds) * 1000 + int(microseconds) // 1000
