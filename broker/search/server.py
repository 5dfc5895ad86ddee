"""A search process' end of search."""

import json
import logging
import math
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

from redis import Redis, RedisError

from broker.engine.absence import Absence
from broker.engine.keys import Keys
from broker.errors import TaskBrokerError, Unavailable
from broker.search.found import Found
from broker.search.request import TIMEOUT, SearchRequest
from broker.search.wire import FAILED, KEPT, REMEMBERED, encode, encode_refusal

log = logging.getLogger(__name__)

#: Seconds between two signs of life of an idle search process.
_BEAT = 0.5
#: Seconds after which what cannot be answered yet is looked at again: a picture, say, that another thread decodes.
_SOON = 0.02
#: Seconds before nobody waits any more in which who still reads says so.
_LAST_MOMENT = 0.1
#: Seconds after which who is told to come back does so at most.
_LONGEST_READING = 60
_READS = "Search still reads what it is to find something in; try again shortly."
Answer = Callable[[SearchRequest], Found | None]


class SearchServer:
    """Answers requests, beside any number of others."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        """``redis`` answers text (``decode_responses=True``)."""
        self._redis = redis
        self._keys = keys
        #: Tells this process from others.
        self._name = uuid.uuid4().hex

    @contextmanager
    def starting(self) -> Iterator[None]:
        """Says that a search process is there while it gets ready, so that who asks waits for it; in a thread."""
        ready = Event()

        def beat() -> None:
            while not ready.is_set():
                with suppress(RedisError):  # who starts finds out by itself
                    self._beat()
                ready.wait(_BEAT)

        thread = Thread(target=beat, name="starting", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ready.set()
            thread.join()

    def _beat(self) -> None:
        self._redis.set(self._keys.search_beat(), "", px=round(REMEMBERED * 1000))

    def serve(
        self,
        answer: Answer,
        stop: Event,
        work: Callable[[], bool] = lambda: False,
        left: Callable[[SearchRequest], float] = lambda request: TIMEOUT,
    ) -> None:
        """Answers requests until ``stop`` is set, seen within half a second; outlives bad queries and lost Redis.

        What ``answer`` gives ``None`` for is asked again after each call of ``work``, which does a little of what is
        to be done first and says whether there was anything. Both take milliseconds, so that nobody waits for long.
        Who has waited in vain is told to come back after the seconds that ``left`` says.
        """
        announced, busy, absence = False, False, Absence(log)
        unanswered: list[dict[str, Any]] = []
        while not stop.is_set():
            try:
                self._beat()
                if not announced:
                    log.info("search is ready")
                    announced = True
                taken = self._take(at_once=busy, spare=not unanswered)
                held = {message["id"] for message in unanswered}
                waiting, unanswered = [*unanswered, *(each for each in taken if each["id"] not in held)], []
                unanswered = self._answer(waiting, answer, left)
                busy = work()
                absence.note_answer()
            except RedisError as error:
                absence.note_error(error)
                announced = False
                stop.wait(_BEAT)
            except Exception:
                log.exception("vectors cannot be read")

    def _take(self, *, at_once: bool, spare: bool) -> list[dict[str, Any]]:
        """The request that has waited longest, if there is one now, or within a beat; and with time to ``spare`` one
        that another offers. Without, what is still to be answered is looked at again soon.
        """
        requests, offers = self._keys.search_requests(), self._keys.search_offers()
        found = [self._redis.lpop(offers)] if spare else []
        if at_once or any(found):
            found.append(self._redis.lpop(requests))
        elif taken := self._redis.blpop([requests, offers] if spare else [requests], timeout=_BEAT if spare else _SOON):
            found.append(taken[1])
        messages = [json.loads(text) for text in found if text]
        # What comes back of its own was answered, or nobody waits for it any more.
        return [each for each in messages if self._name not in each.get("offered_by", ())]

    def _answer(
        self, messages: list[dict[str, Any]], answer: Answer, left: Callable[[SearchRequest], float]
    ) -> list[dict[str, Any]]:
        """Answers what somebody still waits for; returns what cannot be answered yet."""
        if not messages:
            return []
        seconds, microseconds = self._redis.time()
        now_ms = seconds * 1000 + microseconds // 1000
        current = [message for message in messages if message["deadline_ms"] >= now_ms]
        unanswered = [message for message in current if not self._answered(message, answer)]
        last = [each for each in unanswered if each["deadline_ms"] - now_ms <= _LAST_MOMENT * 1000]
        for message in last:
            seconds = min(_LONGEST_READING, max(1, math.ceil(left(SearchRequest(**message["request"])))))
            self._reply_to(message, encode_refusal(Unavailable(_READS, retry_after=seconds)))
        return [each for each in unanswered if each not in last]

    def _answered(self, message: dict[str, Any], answer: Answer) -> bool:
        """Whether it could be answered, or failed, which is an answer too."""
        try:
            found = answer(SearchRequest(**message["request"]))
            if found is None:
                self._offer(message)
                return False
            text = encode(found)
        except RedisError:
            raise
        except TaskBrokerError as error:
            text = encode_refusal(error)
        except Exception:
            log.exception("a query failed")
            text = FAILED
        self._reply_to(message, text)
        return True

    def _reply_to(self, message: dict[str, Any], text: str) -> None:
        key = self._keys.search_reply(message["id"])
        with self._redis.pipeline() as replying:
            replying.rpush(key, text)
            replying.expire(key, KEPT)
            replying.execute()

    def _offer(self, message: dict[str, Any]) -> None:
        """To the others, once."""
        offered_by = message.setdefault("offered_by", [])
        if self._name not in offered_by:
            offered_by.append(self._name)
            with self._redis.pipeline() as offering:
                offering.rpush(self._keys.search_offers(), json.dumps(message))
                offering.expire(self._keys.search_offers(), KEPT)
                offering.execute()
