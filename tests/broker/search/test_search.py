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
from broker.search.client import SearchClient
from broker.search.found import Found, Hit
from broker.search.request import SearchRequest
from broker.search.server import SearchServer
from tests.waiting import PATIENCE, wait_until

Answer = Callable[[SearchRequest], Found | None]
CAT = Hit("image", "550e8400-e29b-41d4-a716-446655440000", "cat — Kätzchen.jpg", 0.4321)
FOUND, NOTHING = Found([CAT], 1), Found([], 0)


@pytest.fixture(autouse=True)
def _impatient_searchers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("broker.search.server._BEAT", 0.05)


@pytest.fixture
def client(redis: Redis, keys: Keys) -> SearchClient:
    return SearchClient(redis, keys)


@contextmanager
def searcher(
    redis: Redis,
    keys: Keys,
    answer: Answer,
    work: Callable[[], bool] = lambda: False,
    left: Callable[[SearchRequest], float] = lambda _: 2.0,
) -> Iterator[None]:
    """A search process' loop, alive and in a thread of its own while the context lasts."""
    stop = threading.Event()
    loop = threading.Thread(target=SearchServer(redis, keys).serve, args=(answer, stop, work, left))
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


def test_the_request_arrives_whole_and_the_answer_returns(client: SearchClient, redis: Redis, keys: Keys) -> None:
    asked: list[SearchRequest] = []
    request = SearchRequest("acme", "ein Kätzchen 🐱", "image", 5, 0.25)

    def answer(request: SearchRequest) -> Found:
        asked.append(request)
        return FOUND

    with searcher(redis, keys, answer):
        assert client.search(request, timeout=PATIENCE).hits == [CAT]
        assert client.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits == [CAT]
    assert asked == [request, SearchRequest("acme", "cat", None, 20, None)]


def test_without_a_searcher_it_is_unavailable_at_once(client: SearchClient, redis: Redis, keys: Keys) -> None:
    with pytest.raises(Unavailable) as refused:
        client.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    assert refused.value.extra["retry_after"] == 5
    assert not redis.exists(keys.search_requests())


def test_however_long_the_searcher_is_gone_it_may_be_back_in_a_moment(
    client: SearchClient, redis: Redis, keys: Keys
) -> None:
    with searcher(redis, keys, lambda _: NOTHING):
        pass
    redis.pexpire(keys.search_beat(), redis.pttl(keys.search_beat()) - 3_000_000)
    with pytest.raises(Unavailable) as refused:
        client.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    assert refused.value.extra["retry_after"] == 5


def test_a_searcher_that_died_a_moment_ago_costs_no_more_than_the_timeout(
    client: SearchClient, redis: Redis, keys: Keys
) -> None:
    with searcher(redis, keys, lambda _: NOTHING):
        pass
    with pytest.raises(Unavailable) as refused:
        client.search(SearchRequest("acme", "cat"), timeout=0.1)
    assert refused.value.extra["retry_after"] == 1


def test_a_long_line_does_not_make_anybody_wait_longer(client: SearchClient, redis: Redis, keys: Keys) -> None:
    """When one's own time is up, that of everybody in front of one is, too."""
    with searcher(redis, keys, lambda _: NOTHING):
        pass
    redis.rpush(keys.search_requests(), *(["{}"] * 5000))
    with pytest.raises(Unavailable) as refused:
        client.search(SearchRequest("acme", "cat"), timeout=0.1)
    assert refused.value.extra["retry_after"] == 1


def test_a_request_nobody_waits_for_any_more_is_not_answered(client: SearchClient, redis: Redis, keys: Keys) -> None:
    with searcher(redis, keys, lambda _: NOTHING):
        pass
    with pytest.raises(Unavailable):
        client.search(SearchRequest("acme", "too late"), timeout=0.1)
    assert redis.llen(keys.search_requests()) == 1
    assert 0 < redis.ttl(keys.search_requests()) <= 30
    answered: list[str] = []

    def answer(request: SearchRequest) -> Found:
        answered.append(request.query)
        return NOTHING

    with searcher(redis, keys, answer):
        client.search(SearchRequest("acme", "in time"), timeout=PATIENCE)
    assert answered == ["in time"]


def test_two_searchers_share_the_requests(client: SearchClient, redis: Redis, keys: Keys) -> None:
    both_busy = threading.Barrier(2)

    def answer(request: SearchRequest) -> Found:
        both_busy.wait(PATIENCE)  # passes only when each of the two has taken a request
        return Found([Hit("image", request.query, "", 1.0)], 1)

    found: dict[str, Found] = {}

    def ask(query: str) -> None:
        found[query] = client.search(SearchRequest("acme", query), timeout=PATIENCE)

    with searcher(redis, keys, answer), searcher(redis, keys, answer):
        callers = [threading.Thread(target=ask, args=(query,)) for query in ("one", "two")]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join(PATIENCE)
    assert {query: answer.hits[0].entity_id for query, answer in found.items()} == {"one": "one", "two": "two"}


def test_who_has_to_wait_is_answered_later_and_holds_nobody(client: SearchClient, redis: Redis, keys: Keys) -> None:
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
        found.extend(client.search(SearchRequest("acme", "slow"), timeout=PATIENCE).hits)

    with searcher(redis, keys, answer, work):
        caller = threading.Thread(target=ask)
        caller.start()
        assert waits.wait(PATIENCE)
        for _ in range(20):
            assert client.search(SearchRequest("rival", "quick"), timeout=PATIENCE).hits == []
        assert found == []
        ready.set()
        caller.join(PATIENCE)
    assert found == [CAT]


def test_what_another_thread_works_on_is_looked_at_again_before_the_next_sign_of_life(
    client: SearchClient, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a picture is that was sent to search by."""
    looks = chain([None, None], repeat(FOUND))
    with searcher(redis, keys, lambda _: next(looks)):
        with monkeypatch.context() as slow:
            slow.setattr("broker.search.server._BEAT", 2 * PATIENCE)
            assert client.search(SearchRequest("acme", picture="key"), timeout=PATIENCE).hits == [CAT]
        client.search(SearchRequest("acme", "cat"), timeout=PATIENCE)  # ends the long wait for the next request


def test_no_search_waits_for_a_process_that_reads_while_another_has_read(
    client: SearchClient, redis: Redis, keys: Keys
) -> None:
    """As after one of two has died and is back."""
    tried: list[str] = []

    def cannot_yet(request: SearchRequest) -> None:
        tried.append(request.query)

    def reads_on() -> bool:
        return not threading.Event().wait(0.001)

    with searcher(redis, keys, cannot_yet, reads_on), searcher(redis, keys, lambda _: FOUND):
        number = 0
        while len(tried) < 5:
            assert client.search(SearchRequest("acme", f"query {number}"), timeout=PATIENCE).hits == [CAT]
            number += 1


def test_what_nobody_can_answer_yet_is_answered_once_somebody_can(
    client: SearchClient, redis: Redis, keys: Keys
) -> None:
    """It does not go round and round: each offers it once."""
    ready, offered = threading.Event(), threading.Event()

    def answer(request: SearchRequest) -> Found | None:
        if redis.exists(keys.search_offers()):
            offered.set()
        return FOUND if ready.is_set() else None

    def work() -> bool:
        return not ready.wait(0.001)

    found: list[Hit] = []
    with searcher(redis, keys, answer, work), searcher(redis, keys, answer, work):
        caller = threading.Thread(
            target=lambda: found.extend(client.search(SearchRequest("acme", "slow"), timeout=PATIENCE).hits)
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
def asking(client: SearchClient, found: list[Hit]) -> Iterator[None]:
    """Somebody who waits for an answer meanwhile, and has it at the end."""
    caller = threading.Thread(
        target=lambda: found.extend(client.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits)
    )
    caller.start()
    try:
        yield
    finally:
        caller.join(PATIENCE)
        assert not caller.is_alive()


def test_what_is_asked_while_the_only_process_starts_is_answered_once_it_has(
    client: SearchClient, redis: Redis, keys: Keys
) -> None:
    found: list[Hit] = []
    redis.set(keys.search_beat(), "", px=3_590_000)  # the last one has been gone for ten seconds
    with SearchServer(redis, keys).starting():
        wait_until(lambda: redis.pttl(keys.search_beat()) > 3_595_000, "one that starts says so")
        with asking(client, found):
            wait_until(lambda: redis.llen(keys.search_requests()), "somebody has asked")
            with searcher(redis, keys, lambda _: FOUND):
                wait_until(lambda: found, "it is answered")
    assert found == [CAT]


def test_what_was_in_the_hands_of_a_process_that_died_is_asked_again(
    client: SearchClient, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.search.client._SILENCE", 0.05)
    found: list[Hit] = []
    with SearchServer(redis, keys).starting():
        wait_until(lambda: redis.exists(keys.search_beat()), "there is a process")
        with asking(client, found):
            lost = redis.blpop([keys.search_requests()], timeout=PATIENCE)
            with searcher(redis, keys, lambda _: FOUND):
                wait_until(lambda: found, "another answers")
    assert lost
    assert found == [CAT]


def test_who_asks_again_is_neither_answered_twice_nor_waits_behind_others(
    client: SearchClient, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.search.client._SILENCE", 0.05)
    others_ask, asked_again = threading.Event(), threading.Event()
    found: list[Hit] = []
    order: list[str] = []
    send = SearchClient._send

    def send_again_once(self: SearchClient, message: str, *, again: bool = False) -> None:
        if again and not asked_again.is_set():
            assert others_ask.wait(PATIENCE)
            send(self, message, again=True)
            asked_again.set()
        elif not again:
            send(self, message)

    def answer(request: SearchRequest) -> Found:
        order.append(request.query)
        return FOUND

    monkeypatch.setattr(SearchClient, "_send", send_again_once)
    with SearchServer(redis, keys).starting():
        wait_until(lambda: redis.exists(keys.search_beat()), "there is a process")
        with asking(client, found):
            first = redis.brpop([keys.search_requests()], timeout=PATIENCE)
            assert first
            redis.rpush(keys.search_requests(), first[1].replace("cat", "dog"), first[1])
            others_ask.set()
            assert asked_again.wait(PATIENCE)
            assert redis.llen(keys.search_requests()) == 2
            with searcher(redis, keys, answer):
                wait_until(lambda: "dog" in order, "the other is answered")
    assert order == ["cat", "dog"]


def test_what_a_process_that_reads_has_already_is_answered_once(
    client: SearchClient, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.search.client._SILENCE", 0.02)
    ready, found, answered = threading.Event(), list[Hit](), list[str]()

    def answer(request: SearchRequest) -> Found | None:
        if not ready.is_set():
            return None
        answered.append(request.query)
        return FOUND

    def work() -> bool:
        return not ready.wait(0.001)

    send, sent = SearchClient._send, list[bool]()

    def send_four_times(self: SearchClient, message: str, *, again: bool = False) -> None:
        if len(sent) < 4:  # what is sent again after it was answered would be answered again
            send(self, message, again=again)
            sent.append(again)

    monkeypatch.setattr(SearchClient, "_send", send_four_times)
    with searcher(redis, keys, answer, work), asking(client, found):
        wait_until(lambda: len(sent) == 4, "it was asked for again and again")
        wait_until(lambda: not redis.exists(keys.search_requests()), "and taken")
        ready.set()
    assert found == [CAT]
    assert answered == ["cat"]


def test_who_waits_in_vain_is_told_when_what_is_read_will_be(
    client: SearchClient, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.search.server._LAST_MOMENT", PATIENCE - 0.5)

    def reads_on() -> bool:
        return not threading.Event().wait(0.001)

    with (
        searcher(redis, keys, lambda _: None, reads_on, lambda _: 7.2),
        pytest.raises(Unavailable, match="still reads") as refused,
    ):
        client.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    assert refused.value.extra["retry_after"] == 8


def test_who_waits_for_a_process_that_stays_away_is_told_before_the_time_is_up(
    client: SearchClient, redis: Redis, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("broker.search.client._SILENCE", 0.05)
    monkeypatch.setattr("broker.search.client._GONE_AFTER", 0.5)
    with searcher(redis, keys, lambda _: NOTHING):
        pass
    with pytest.raises(Unavailable, match="No search process"):
        client.search(SearchRequest("acme", "cat"), timeout=PATIENCE)


def test_work_that_fails_does_not_end_the_searcher(client: SearchClient, redis: Redis, keys: Keys) -> None:
    failed = threading.Event()

    def work() -> bool:
        failed.set()
        raise RuntimeError("what is stored makes no sense")

    with searcher(redis, keys, lambda _: FOUND, work):
        assert failed.wait(PATIENCE)
        assert client.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits == [CAT]


def test_a_query_that_fails_does_not_end_the_searcher(client: SearchClient, redis: Redis, keys: Keys) -> None:
    def answer(request: SearchRequest) -> Found:
        if request.query == "bad":
            raise RuntimeError("secret path /srv/model")
        return FOUND

    with searcher(redis, keys, answer):
        with pytest.raises(Unavailable) as refused:
            client.search(SearchRequest("acme", "bad"), timeout=PATIENCE)
        assert "secret" not in refused.value.message
        assert client.search(SearchRequest("acme", "good"), timeout=PATIENCE).hits == [CAT]


@pytest.mark.parametrize(
    "odd", [Found([CAT], object()), Found([replace(CAT, similarity=math.nan)], 1), Found(["a cat"], 1), "a cat"]
)
def test_an_answer_that_is_none_is_a_query_that_failed(
    client: SearchClient, redis: Redis, keys: Keys, odd: Any
) -> None:
    with searcher(redis, keys, lambda request: odd if request.query == "bad" else FOUND):
        with pytest.raises(Unavailable, match="failed"):
            client.search(SearchRequest("acme", "bad"), timeout=PATIENCE)
        assert client.search(SearchRequest("acme", "good"), timeout=PATIENCE).hits == [CAT]


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


def test_what_another_release_says_besides_is_left_out(client: SearchClient, redis: Redis, keys: Keys) -> None:
    thread = told(redis, keys, json.dumps({"hits": [asdict(CAT) | {"mood": "good"}]}))
    assert client.search(SearchRequest("acme", "cat"), timeout=PATIENCE).hits == [CAT]
    thread.join(PATIENCE)


@pytest.mark.parametrize("answer", ["[]", "{}", '{"hits": [1]}', '{"hits": [{}]}', "no JSON"])
def test_an_answer_that_makes_no_sense_is_unavailable(
    client: SearchClient, redis: Redis, keys: Keys, answer: str
) -> None:
    thread = told(redis, keys, answer)
    with pytest.raises(Unavailable, match="failed"):
        client.search(SearchRequest("acme", "cat"), timeout=PATIENCE)
    thread.join(PATIENCE)


def test_an_answer_nobody_fetches_goes_away(client: SearchClient, redis: Redis, keys: Keys) -> None:
    taken = threading.Event()

    def answer(_: SearchRequest) -> Found:
        taken.set()
        return FOUND

    seconds, _ = redis.time()
    request = {"tenant": "acme", "query": "cat"}
    message = {"id": "abandoned", "deadline_ms": (seconds + 60) * 1000, "request": request}
    with searcher(redis, keys, answer):
        redis.rpush(keys.search_requests(), json.dumps(message))
        assert taken.wait(PATIENCE)
    assert 0 < redis.ttl(keys.search_reply("abandoned")) <= 30


def test_nothing_unbounded_goes_over_the_wire(client: SearchClient) -> None:
    for request, pointer in (
        (SearchRequest("acme", "x" * 501), "q"),
        (SearchRequest("acme", " \n"), "q"),
        (SearchRequest("acme", "cat", limit=0), "limit"),
        (SearchRequest("acme", "cat", limit=101), "limit"),
    ):
        with pytest.raises(InvalidInput) as refused:
            client.search(request)
        assert [error["pointer"] for error in refused.value.extra["errors"]] == [pointer]


def test_a_redis_that_is_not_there_is_unavailable_too(keys: Keys) -> None:
    with pytest.raises(Unavailable):
        SearchClient(connect("redis://127.0.0.1:1/0"), keys).search(SearchRequest("acme", "cat"))


@pytest.mark.parametrize(
    "refusal", [NotIndexed(), UnsupportedMedia("No picture."), Unavailable("Busy.", retry_after=7)], ids=repr
)
def test_a_refusal_reaches_who_asked(client: SearchClient, redis: Redis, keys: Keys, refusal: TaskBrokerError) -> None:
    def refuse(request: SearchRequest) -> Found:
        raise refusal

    with searcher(redis, keys, refuse), pytest.raises(type(refusal)) as refused:
        client.search(SearchRequest("acme", like="an id"), timeout=PATIENCE)
    assert (refused.value.message, refused.value.extra) == (refusal.message, refusal.extra)
