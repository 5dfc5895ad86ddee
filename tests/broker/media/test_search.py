"""Guards search between processes: answers reach who asked, and nobody waits long for one that is not there."""

import json
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import chain, repeat
from typing import Any

import pytest
from redis import Redis

from broker.engine.connection import connect
from broker.engine.keys import Keys
from broker.errors import InvalidInput, NotIndexed, TaskBrokerError, Unavailable, UnsupportedMedia
from broker.media.narrowing import Found
from broker.media.search import Hit, SearchBus, SearchRequest
from tests.waiting import PATIENCE, wait_until

Answer = Callable[[SearchRequest], Found | None]
CAT = Hit("image", "550e8400-e29b-41d4-a716-446655440000", "cat — Kätzchen.jpg", 0.4321)
FOUND, NOTHING = Found([CAT], 1), Found([], 0)


@pytest.fixture(autouse=True)
def _impatient_searchers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.media.search._BEAT", 0.05)


@pytest.fixture
def bus(redis: Redis, keys: Keys) -> SearchBus:
    return SearchBus(redis, keys)


@contextmanager
def searcher(
    bus: SearchBus,
    redis: Redis,
    keys: Keys,
    answer: Answer,
    work: Callable[[], bool] = lambda: False,
    left: Callable[[SearchRequest], float] = lambda _: 2.0,
) -> Iterator[None]:
    """A search process' loop, alive and in a thread of its own while the context lasts."""
    stop = threading.Event()
    loop = threading.Thread(target=bus.serve, args=(answer, stop, work, left))
    loop.start()
    beat = threading.Event()
    while not redis.exists(keys.search_beat()):
        beat.wait(0.01)
    try:
        yield
    finally:
        stop.set()
        loop.join(PATIENCE)
        assert not loop.is_alive()


def test_the_request_arrives_whole_and_the_answer_returns(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    asked: list[SearchRequest] = []
    request = SearchRequest("acme", "ein Kätzchen 🐱", "image", 5, 0.25)

    def answer(request: SearchRequest) -> Found:
        asked.append(request)
        return FOUND

    with searcher(bus, redis, keys, answer):
        assert bus.search(request, timeout=PATIENCE).hits == [CAT]
        assert bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits == [CAT]
    assert asked == [request, SearchRequest("acme", "cat", None, 20, None)]


def test_without_a_searcher_it_is_unavailable_at_once(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    with pytest.raises(Unavailable) as refused:
        bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    assert refused.value.extra["retry_after"] == 5
    assert not redis.exists(keys.search_requests())


def test_however_long_the_searcher_is_gone_it_may_be_back_in_a_moment(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    with searcher(bus, redis, keys, lambda _: NOTHING):
        pass
    redis.pexpire(keys.search_beat(), redis.pttl(keys.search_beat()) - 3_000_000)
    with pytest.raises(Unavailable) as refused:
        bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    assert refused.value.extra["retry_after"] == 5


def test_a_searcher_that_died_a_moment_ago_costs_no_more_than_the_timeout(
    bus: SearchBus, redis: Redis, keys: Keys
) -> None:
    with searcher(bus, redis, keys, lambda _: NOTHING):
        pass
    with pytest.raises(Unavailable) as refused:
        bus.search(SearchRequest("acme", "cat"), timeout=0.1)
    assert refused.value.extra["retry_after"] == 1


def test_a_long_line_does_not_make_anybody_wait_longer(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    """When one's own time is up, that of everybody in front of one is, too."""
    with searcher(bus, redis, keys, lambda _: NOTHING):
        pass
    redis.rpush(keys.search_requests(), *(["{}"] * 5000))
    with pytest.raises(Unavailable) as refused:
        bus.search(SearchRequest("acme", "cat"), timeout=0.1)
    assert refused.value.extra["retry_after"] == 1


def test_a_request_nobody_waits_for_any_more_is_not_answered(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    with searcher(bus, redis, keys, lambda _: NOTHING):
        pass
    with pytest.raises(Unavailable):
        bus.search(SearchRequest("acme", "too late"), timeout=0.1)
    assert redis.llen(keys.search_requests()) == 1
    assert 0 < redis.ttl(keys.search_requests()) <= 30
    answered: list[str] = []

    def answer(request: SearchRequest) -> Found:
        answered.append(request.query)
        return NOTHING

    with searcher(bus, redis, keys, answer):
        bus.search(SearchRequest("acme", "in time"), timeout=PATIENCE)
    assert answered == ["in time"]


def test_two_searchers_share_the_requests(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    both_busy = threading.Barrier(2)

    def answer(request: SearchRequest) -> Found:
        both_busy.wait(PATIENCE)  # passes only when each of the two has taken a request
        return Found([Hit("image", request.query, "", 1.0)], 1)

    found: dict[str, Found] = {}

    def ask(query: str) -> None:
        found[query] = bus.search(SearchRequest("acme", query), timeout=PATIENCE)

    with searcher(bus, redis, keys, answer), searcher(bus, redis, keys, answer):
        callers = [threading.Thread(target=ask, args=(query,)) for query in ("one", "two")]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(PATIENCE)
    assert {query: answer.hits[0].entity_id for query, answer in found.items()} == {"one": "one", "two": "two"}


def test_who_has_to_wait_is_answered_later_and_holds_nobody(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    waits, ready = threading.Event(), threading.Event()
    found: list[Hit] = []

    def answer(request: SearchRequest) -> Found | None:
        if request.query == "quick":
            return NOTHING
        waits.set()
        return FOUND if ready.is_set() else None

    def work() -> bool:
        return waits.is_set() and not ready.wait(0.001)

    def ask() -> None:
        found.extend(bus.search(SearchRequest("acme", "slow"), timeout=PATIENCE).hits)

    with searcher(bus, redis, keys, answer, work):
        caller = threading.Thread(target=ask)
        caller.start()
        assert waits.wait(PATIENCE)
        for _ in range(20):
            assert bus.search(SearchRequest("rival", "quick"), timeout=PATIENCE).hits == []
        assert found == []
        ready.set()
        caller.join(PATIENCE)
    assert found == [CAT]


def test_what_another_thread_works_on_is_looked_at_again_before_the_next_sign_of_life(
    bus: SearchBus, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a picture is that was sent to search by."""
    looks = chain([None, None], repeat(FOUND))
    with searcher(bus, redis, keys, lambda _: next(looks)):
        with monkeypatch.context() as slow:
            slow.setattr("broker.media.search._BEAT", 2 * PATIENCE)
            assert bus.search(SearchRequest("acme", picture="key"), timeout=PATIENCE).hits == [CAT]
        bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE)  # ends the long wait for the next request


def test_no_search_waits_for_a_process_that_reads_while_another_has_read(
    bus: SearchBus, redis: Redis, keys: Keys
) -> None:
    """As after one of two has died and is back."""
    tried: list[str] = []

    def cannot_yet(request: SearchRequest) -> None:
        tried.append(request.query)

    def reads_on() -> bool:
        return not threading.Event().wait(0.001)

    reading = SearchBus(redis, keys)
    with searcher(reading, redis, keys, cannot_yet, reads_on), searcher(bus, redis, keys, lambda _: FOUND):
        number = 0
        while len(tried) < 5:
            assert bus.search(SearchRequest("acme", f"query {number}"), timeout=PATIENCE).hits == [CAT]
            number += 1


def test_what_nobody_can_answer_yet_is_answered_once_somebody_can(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    """It does not go round and round: each offers it once."""
    ready, offered = threading.Event(), threading.Event()
    other = SearchBus(redis, keys)

    def answer(request: SearchRequest) -> Found | None:
        if redis.exists(keys.search_offers()):
            offered.set()
        return FOUND if ready.is_set() else None

    def work() -> bool:
        return not ready.wait(0.001)

    found: list[Hit] = []
    with searcher(bus, redis, keys, answer, work), searcher(other, redis, keys, answer, work):
        caller = threading.Thread(
            target=lambda: found.extend(bus.search(SearchRequest("acme", "slow"), timeout=PATIENCE).hits)
        )
        caller.start()
        assert offered.wait(PATIENCE)
        assert redis.llen(keys.search_offers()) <= 2
        assert 0 < redis.ttl(keys.search_offers()) <= 30
        ready.set()
        caller.join(PATIENCE)
        while redis.exists(keys.search_offers()):  # taken by who has time, and dropped
            pass
    assert found == [CAT]


@contextmanager
def asking(bus: SearchBus, found: list[Hit]) -> Iterator[None]:
    """Somebody who waits for an answer meanwhile, and has it at the end."""
    caller = threading.Thread(
        target=lambda: found.extend(bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits)
    )
    caller.start()
    try:
        yield
    finally:
        caller.join(PATIENCE)
        assert not caller.is_alive()


def test_what_is_asked_while_the_only_process_starts_is_answered_once_it_has(
    bus: SearchBus, redis: Redis, keys: Keys
) -> None:
    found: list[Hit] = []
    redis.set(keys.search_beat(), "", px=3_590_000)  # the last one has been gone for ten seconds
    with bus.starting():
        wait_until(lambda: redis.pttl(keys.search_beat()) > 3_595_000, "one that starts says so")
        with asking(bus, found):
            wait_until(lambda: redis.llen(keys.search_requests()), "somebody has asked")
            with searcher(bus, redis, keys, lambda _: FOUND):
                wait_until(lambda: found, "it is answered")
    assert found == [CAT]


def test_what_was_in_the_hands_of_a_process_that_died_is_asked_again(
    bus: SearchBus, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.media.search._SILENCE", 0.05)
    found: list[Hit] = []
    with bus.starting():
        wait_until(lambda: redis.exists(keys.search_beat()), "there is a process")
        with asking(bus, found):
            lost = redis.blpop([keys.search_requests()], timeout=PATIENCE)
            with searcher(bus, redis, keys, lambda _: FOUND):
                wait_until(lambda: found, "another answers")
    assert lost
    assert found == [CAT]


def message(redis: Redis, request_id: str, query: str) -> str:
    """A request of another process, which waits for a minute."""
    seconds, _ = redis.time()
    request = {"tenant": "acme", "query": query}
    return json.dumps({"id": request_id, "deadline_ms": (seconds + 60) * 1000, "request": request})


def test_who_asks_again_is_neither_answered_twice_nor_waits_behind_others(
    bus: SearchBus, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.media.search._SILENCE", 0.05)
    found: list[Hit] = []
    order: list[str] = []

    def answer(request: SearchRequest) -> Found:
        order.append(request.query)
        return FOUND

    redis.rpush(keys.search_requests(), message(redis, "another's", "dog"))
    with bus.starting():
        wait_until(lambda: redis.exists(keys.search_beat()), "there is a process")
        with asking(bus, found):
            wait_until(lambda: "cat" in redis.lindex(keys.search_requests(), 0), "it was asked for again")
            assert redis.llen(keys.search_requests()) == 2
            with searcher(bus, redis, keys, answer):
                wait_until(lambda: len(order) == 2, "both are answered")
    assert order == ["cat", "dog"]


def test_what_a_process_that_reads_has_already_is_answered_once(
    bus: SearchBus, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.media.search._SILENCE", 0.02)
    ready, found, answered = threading.Event(), list[Hit](), list[str]()

    def answer(request: SearchRequest) -> Found | None:
        if not ready.is_set():
            return None
        answered.append(request.query)
        return FOUND

    def work() -> bool:
        return not ready.wait(0.001)

    send, sent = SearchBus._send, list[bool]()

    def counted(*arguments: Any, again: bool = False) -> None:
        send(*arguments, again=again)
        sent.append(again)
        if len(sent) == 4:  # who asks while it is answered may be answered again
            monkeypatch.setattr("broker.media.search._SILENCE", PATIENCE)

    monkeypatch.setattr(SearchBus, "_send", counted)
    with searcher(bus, redis, keys, answer, work):
        with asking(bus, found):
            wait_until(lambda: len(sent) == 4, "it was asked for again and again")
            wait_until(lambda: not redis.exists(keys.search_requests()), "and taken")
            ready.set()
        assert bus.search(SearchRequest("acme", "dog"), timeout=PATIENCE).hits == [CAT]
    assert found == [CAT]
    assert answered == ["cat", "dog"]


def test_who_waits_in_vain_is_told_when_what_is_read_will_be(
    bus: SearchBus, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reads_on() -> bool:
        return not threading.Event().wait(0.001)

    monkeypatch.setattr("broker.media.search._LAST_MOMENT", PATIENCE - 0.5)

    with (
        searcher(bus, redis, keys, lambda _: None, reads_on, lambda _: 7.2),
        pytest.raises(Unavailable, match="still reads") as refused,
    ):
        bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    assert refused.value.extra["retry_after"] == 8


def test_who_waits_for_a_process_that_stays_away_is_told_before_the_time_is_up(
    bus: SearchBus, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.media.search._SILENCE", 0.05)
    monkeypatch.setattr("broker.media.search._GONE_AFTER", 0.5)
    with searcher(bus, redis, keys, lambda _: NOTHING):
        pass
    with pytest.raises(Unavailable, match="No search process"):
        bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE)


def test_work_that_fails_does_not_end_the_searcher(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    failed = threading.Event()

    def work() -> bool:
        failed.set()
        raise RuntimeError("what is stored makes no sense")

    with searcher(bus, redis, keys, lambda _: FOUND, work):
        assert failed.wait(PATIENCE)
        assert bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits == [CAT]


def test_a_query_that_fails_does_not_end_the_searcher(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    def answer(request: SearchRequest) -> Found:
        if request.query == "bad":
            raise RuntimeError("secret path /srv/model")
        return FOUND

    with searcher(bus, redis, keys, answer):
        with pytest.raises(Unavailable) as refused:
            bus.search(SearchRequest("acme", "bad"), timeout=PATIENCE)
        assert "secret" not in refused.value.message
        assert bus.search(SearchRequest("acme", "good"), timeout=PATIENCE).hits == [CAT]


@pytest.mark.parametrize(
    "odd", [Found([CAT], object()), Found([replace(CAT, similarity=math.nan)], 1), Found(["a cat"], 1), "a cat"]
)
def test_an_answer_that_is_none_is_a_query_that_failed(bus: SearchBus, redis: Redis, keys: Keys, odd: Any) -> None:
    with searcher(bus, redis, keys, lambda request: odd if request.query == "bad" else FOUND):
        with pytest.raises(Unavailable, match="failed"):
            bus.search(SearchRequest("acme", "bad"), timeout=PATIENCE)
        assert bus.search(SearchRequest("acme", "good"), timeout=PATIENCE).hits == [CAT]


def told(redis: Redis, keys: Keys, answer: str) -> threading.Thread:
    """Another release's search process, which answers one request so."""

    def reply() -> None:
        asked = redis.blpop([keys.search_requests()], timeout=PATIENCE)
        assert isinstance(asked, (list, tuple))
        redis.rpush(keys.search_reply(json.loads(asked[1])["id"]), answer)

    redis.set(keys.search_beat(), "", px=3_600_000)
    thread = threading.Thread(target=reply)
    thread.start()
    return thread


def test_what_another_release_says_besides_is_left_out(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    thread = told(redis, keys, json.dumps({"hits": [asdict(CAT) | {"mood": "good"}]}))
    assert bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits == [CAT]
    thread.join(PATIENCE)


@pytest.mark.parametrize("answer", ["[]", "{}", '{"hits": [1]}', '{"hits": [{}]}', "no JSON"])
def test_an_answer_that_makes_no_sense_is_unavailable(bus: SearchBus, redis: Redis, keys: Keys, answer: str) -> None:
    thread = told(redis, keys, answer)
    with pytest.raises(Unavailable, match="failed"):
        bus.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    thread.join(PATIENCE)


def test_an_answer_nobody_fetches_goes_away(bus: SearchBus, redis: Redis, keys: Keys) -> None:
    taken = threading.Event()

    def answer(_: SearchRequest) -> Found:
        taken.set()
        return FOUND

    with searcher(bus, redis, keys, answer):
        redis.rpush(keys.search_requests(), message(redis, "abandoned", "cat"))
        assert taken.wait(PATIENCE)
    assert 0 < redis.ttl(keys.search_reply("abandoned")) <= 30


def test_nothing_unbounded_goes_over_the_wire(bus: SearchBus) -> None:
    for request, pointer in (
        (SearchRequest("acme", "x" * 501), "q"),
        (SearchRequest("acme", " \n"), "q"),
        (SearchRequest("acme", "cat", limit=0), "limit"),
        (SearchRequest("acme", "cat", limit=101), "limit"),
    ):
        with pytest.raises(InvalidInput) as refused:
            bus.search(request)
        assert [error["pointer"] for error in refused.value.extra["errors"]] == [pointer]


def test_a_redis_that_is_not_there_is_unavailable_too(keys: Keys) -> None:
    with pytest.raises(Unavailable):
        SearchBus(connect("redis://127.0.0.1:1/0"), keys).search(SearchRequest("acme", "cat"))


@pytest.mark.parametrize(
    "refusal", [NotIndexed(), UnsupportedMedia("No picture."), Unavailable("Busy.", retry_after=7)], ids=repr
)
def test_a_refusal_reaches_who_asked(bus: SearchBus, redis: Redis, keys: Keys, refusal: TaskBrokerError) -> None:
    def refuse(request: SearchRequest) -> Found:
        raise refusal

    with searcher(bus, redis, keys, refuse), pytest.raises(type(refusal)) as refused:
        bus.search(SearchRequest("acme", like="an id"), timeout=PATIENCE)
    assert (refused.value.message, refused.value.extra) == (refusal.message, refusal.extra)
