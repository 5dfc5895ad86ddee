"""Semantic search as a request and its answer over Redis: the gateway asks, any search process answers.

Any number of search processes take requests from one list. Who has yet to read what it would answer from keeps the
request, and offers it to the others as well, one of which may have read that already: whoever is first answers. Each
request carries the time after which nobody waits for its answer; the answer goes to a key of the request's own. All
times are on the Redis clock. Who waits for longer than a moment asks again, since a process may have died with the
request in its hands.
"""

import json
import logging
import math
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, fields
from threading import Event, Thread
from typing import Any

from redis import Redis, RedisError

from broker.engine.absence import Absence
from broker.engine.connection import SOCKET_TIMEOUT, redis_errors
from broker.engine.keys import Keys
from broker.errors import InvalidInput, NotIndexed, TaskBrokerError, Unavailable, UnsupportedMedia
from broker.media.narrowing import Found

log = logging.getLogger(__name__)

#: Characters of a query, and results of one: what the API's schema promises.
MAX_QUERY, MAX_LIMIT = 500, 100
#: Relevance of a hit that is as likely meant as not: below it nothing is answered unless asked for.
LEAST_RELEVANCE = 0.5
#: Seconds between two signs of life of an idle search process, and after how many it counts as gone.
_BEAT, _GONE_AFTER = 0.5, 5.0
#: Seconds after which what cannot be answered yet is looked at again: a picture, say, that another thread decodes.
_SOON = 0.02
#: How long the last sign of life is remembered: its remaining time tells its age.
_REMEMBERED = 3600.0
#: Seconds that a search process takes to start: who asks again then costs nothing.
_STARTS_IN = 5
#: Seconds that requests and answers are kept when nobody fetches them: longer than anybody waits for one.
_KEPT = 30
#: How far into an answer anybody pages.
MAX_FOUND = 10_000
#: Seconds that a search with a picture may take: the first loads the model.
PICTURE_TIMEOUT = 20.0
#: Seconds that a search may take, and one that waits for a process that starts, or reads what it is to search.
TIMEOUT, PATIENCE = 2.0, 10.0
#: Seconds without an answer, at most, after which it is asked for again: less than half of what Redis' clients bear.
_SILENCE = min(2.0, SOCKET_TIMEOUT / 2)
#: Seconds before nobody waits any more in which who still reads says so.
_LAST_MOMENT = 0.1
#: Seconds after which who is told to come back does so at most.
_LONGEST_READING = 60
_READS = "Search still reads what it is to find something in; try again shortly."
_FAILED = "Search failed on this query; try again shortly."
Answer = Callable[["SearchRequest"], "Found | None"]
#: What a search process may answer instead, by the code.
_REFUSALS: dict[str, type[TaskBrokerError]] = {
    each.code: each for each in (NotIndexed, UnsupportedMedia, Unavailable, InvalidInput)
}


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is sought, in whose media: words, what is like a file or like a picture, or words and one of these."""

    tenant: str
    query: str = ""
    #: One kind of media, or ``None`` for all.
    entity_type: str | None = None
    limit: int = 20
    #: Cosine below which nothing is answered, or ``None`` for no threshold.
    min_similarity: float | None = None
    #: Relevance below which nothing is answered.
    min_relevance: float = 0.0
    #: The id of a file that is embedded, and the storage key of a picture that is not.
    like: str = ""
    picture: str = ""
    #: Members of ``Narrowing``.
    narrowing: dict[str, Any] = field(default_factory=dict)
    #: Where the answer goes on, as the part before it said.
    after: list[Any] | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A media file that matches; ``similarity`` is the cosine (-1 to 1) of its best part."""

    entity_type: str
    entity_id: str
    filename: str
    similarity: float
    #: How likely it is meant, 0 to 1; ``None`` where that is not known of the model.
    relevance: float | None = None
    #: The best places in it, best first: ``Place`` as JSON has it.
    places: list[dict[str, Any]] = field(default_factory=list)
    #: Files with the same bytes that match as well: ``{"entity_id", "filename"}`` each.
    duplicates: list[dict[str, str]] = field(default_factory=list)

    def members(self) -> dict[str, Any]:
        """By their names. Nothing is copied, as by ``dataclasses.asdict``: that took a quarter of making an answer."""
        return {name: getattr(self, name) for name in _HIT}


_HIT = tuple(each.name for each in fields(Hit))


class SearchBus:
    """Both ends of search."""

    def __init__(self, redis: Redis, keys: Keys) -> None:
        """``redis`` answers text (``decode_responses=True``)."""
        self._redis = redis
        self._keys = keys
        #: Tells this process from others.
        self._name = uuid.uuid4().hex

    # the gateway's end ------------------------------------------------------------------------------------------

    def search(self, request: SearchRequest, timeout: float = TIMEOUT) -> Found:
        """The best matches among the tenant's media, best first.

        Raises ``InvalidInput``, ``NotIndexed``, ``UnsupportedMedia``, and
        ``Unavailable`` with ``retry_after`` in seconds when no search process is alive or
        none answers within ``timeout`` seconds.
        """
        _check(request)
        request_id, again = uuid.uuid4().hex, min(math.ceil(timeout), _STARTS_IN)
        with redis_errors():
            now_ms = self._require_searcher()
            message = {"id": request_id, "deadline_ms": now_ms + round(timeout * 1000), "request": asdict(request)}
            answered = self._reply(self._keys.search_reply(request_id), json.dumps(message), timeout)
        if answered is None:  # by then whatever waited before this request was answered or dropped, too
            raise Unavailable("Search did not answer in time; try again shortly.", retry_after=again)
        try:
            return _found(json.loads(answered[1]))
        except (TypeError, ValueError, LookupError, AttributeError) as error:  # a foreign hand's, or another release's
            raise Unavailable(_FAILED, retry_after=again) from error

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
            sending.expire(requests, _KEPT)
            sending.execute()

    def _require_searcher(self) -> int:
        """The time in milliseconds. Raises ``Unavailable`` when there was no sign of life for a while."""
        with self._redis.pipeline(transaction=False) as asking:
            asking.pttl(self._keys.search_beat())
            asking.time()
            left_ms, (seconds, microseconds) = asking.execute()
        age = _REMEMBERED - max(0, left_ms) / 1000
        if age > _GONE_AFTER:
            raise Unavailable("No search process is running right now.", retry_after=_STARTS_IN)
        return int(seconds) * 1000 + int(microseconds) // 1000

    # the search process' end ------------------------------------------------------------------------------------

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
        self._redis.set(self._keys.search_beat(), "", px=round(_REMEMBERED * 1000))

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
            self._reply_to(message, _refusal(Unavailable(_READS, retry_after=seconds)))
        return [each for each in unanswered if each not in last]

    def _answered(self, message: dict[str, Any], answer: Answer) -> bool:
        """Whether it could be answered, or failed, which is an answer too."""
        try:
            found = answer(SearchRequest(**message["request"]))
            if found is None:
                self._offer(message)
                return False
            told = _told(found)
        except RedisError:
            raise
        except TaskBrokerError as error:
            told = _refusal(error)
        except Exception:
            log.exception("a query failed")
            told = json.dumps({"hits": None})
        self._reply_to(message, told)
        return True

    def _reply_to(self, message: dict[str, Any], told: str) -> None:
        key = self._keys.search_reply(message["id"])
        with self._redis.pipeline() as replying:
            replying.rpush(key, told)
            replying.expire(key, _KEPT)
            replying.execute()

    def _offer(self, message: dict[str, Any]) -> None:
        """To the others, once."""
        offered_by = message.setdefault("offered_by", [])
        if self._name not in offered_by:
            offered_by.append(self._name)
            with self._redis.pipeline() as offering:
                offering.rpush(self._keys.search_offers(), json.dumps(message))
                offering.expire(self._keys.search_offers(), _KEPT)
                offering.execute()


def _told(found: Found) -> str:
    """What goes over the wire. Raises for what cannot."""
    told = {name: getattr(found, name) for name in ("total", "after", "generation", "missing", "exact")}
    return json.dumps({"hits": [hit.members() for hit in found.hits], "refused": None, **told}, allow_nan=False)


def _refusal(error: TaskBrokerError) -> str:
    """What goes over the wire instead."""
    return json.dumps({"hits": None, "refused": [error.code, error.message, error.extra]})


def _found(answer: dict[str, Any]) -> Found:
    """The inverse; what another release says besides is left out. Raises what was refused."""
    if answer.get("refused"):
        code, message, extra = answer["refused"]
        raise _REFUSALS.get(code, Unavailable)(message, **extra)
    if answer["hits"] is None:
        raise ValueError("the query has failed")
    hits = [Hit(**{name: value for name, value in hit.items() if name in _HIT}) for hit in answer["hits"]]
    generation, missing, exact = answer.get("generation"), answer.get("missing", 0), answer.get("exact", True)
    return Found(hits, answer.get("total", len(hits)), answer.get("after"), generation, missing, exact)


def _check(request: SearchRequest) -> None:
    """Bounds what goes over the wire."""
    errors = []
    if len(request.query) > MAX_QUERY or not (request.query.strip() or request.like or request.picture):
        errors.append({"pointer": "q", "detail": f"must be 1 to {MAX_QUERY} characters"})
    if not 1 <= request.limit <= MAX_LIMIT:
        errors.append({"pointer": "limit", "detail": f"must lie between 1 and {MAX_LIMIT}"})
    if errors:
        raise InvalidInput("The search is not valid.", errors=errors)
