"""Receivers that misbehave and daemons that die: nothing is lost, nobody else waits, one id has one body."""

import json
import logging
import random
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any

import pytest

from broker.daemon.deliver import Deliver
from broker.outbound.guard import Unreachable
from broker.webhooks.delivery import LEASE_SECONDS, Attempt
from tests.broker.engine.engine import Engine
from tests.broker.webhooks.post_office import ENDS, Gate, PostOffice, bodies_by_id
from tests.broker.webhooks.receiver import Receiver, status
from tests.waiting import wait_until

NewReceiver = Callable[[], Receiver]
ALL = ["task.processing", *ENDS]


@contextmanager
def at_work(office: PostOffice, count: int = 1, **options: Any) -> Iterator[list[Deliver]]:
    """So many daemons with real threads, ticking as fast as they can."""
    daemons = [office.new_daemon(**options) for _ in range(count)]
    over = False

    def run(daemon: Deliver) -> None:
        while not over:
            daemon.tick()

    threads = [Thread(target=run, args=(daemon,)) for daemon in daemons]
    for thread in threads:
        thread.start()
    try:
        yield daemons
    finally:
        over = True
        for thread in threads:
            thread.join()
        for daemon in daemons:
            daemon.close()


def told(receiver: Receiver) -> list[tuple[str, str]]:
    bodies = [json.loads(each.body) for each in receiver.requests]
    return [(each["data"]["id"], each["type"]) for each in bodies]


def burst(engine: Engine, count: int) -> list[str]:
    ids = [engine.submit() for _ in range(count)]
    for _ in ids:
        engine.finish(engine.start())
    return ids


def owed(office: PostOffice) -> int:
    """Events that are not delivered yet, wherever they are."""
    engine = office.engine
    waiting = sum(len(value) for key, value in engine.state().values.items() if ":lane:" in key)
    return waiting + int(engine.redis.xlen(engine.keys.outbox()))


def check_all_arrived_in_order(receiver: Receiver, ids: list[str]) -> None:
    """Every task's start before its end, each at least once, and no id with two bodies."""
    arrived = told(receiver)
    assert set(arrived) == {(task, event) for task in ids for event in ("task.processing", "task.completed")}
    first = {pair: number for number, pair in reversed(list(enumerate(arrived)))}
    for task in ids:
        assert first[task, "task.processing"] < first[task, "task.completed"]
    assert all(len(bodies) == 1 for bodies in bodies_by_id(receiver).values())


def test_a_receiver_that_is_down_for_ten_minutes_gets_everything_and_is_not_stormed(
    office: PostOffice, new_receiver: NewReceiver
) -> None:
    down, other = new_receiver(), new_receiver()
    for each in (down, other):
        office.subscribe(each, ALL)
    down.behaviour = status(503)
    ids = burst(office.engine, 100)
    for _ in range(600):
        office.tick(down, other, seconds=1)
    assert len(other.requests) == 200
    assert len(down.requests) <= 20
    down.behaviour = status(204)
    down.requests.clear()
    office.verified.clear()
    for _ in range(8):
        office.tick(down, seconds=100)
    check_all_arrived_in_order(down, ids)
    assert owed(office) == 0
    assert all(len(bodies) == 1 for bodies in bodies_by_id(down, other).values())


def test_a_receiver_that_never_answers_delays_nobody(office: PostOffice, new_receiver: NewReceiver) -> None:
    gate = Gate()
    stuck = [new_receiver() for _ in range(10)]
    for each in stuck:
        each.behaviour = gate
        office.subscribe(each)
    quick = new_receiver()
    office.subscribe(quick, ALL)
    with at_work(office):
        ids = burst(office.engine, 50)
        wait_until(lambda: len(quick.requests) == 100, "the quick one has everything")
        assert gate.inside >= 10
        gate.opened.set()
        wait_until(lambda: owed(office) == 0, "the others have, too")
    check_all_arrived_in_order(quick, ids)


def test_endpoints_that_are_owed_much_leave_a_thread_for_every_other(
    office: PostOffice, new_receiver: NewReceiver
) -> None:
    """Were all threads given away at once, four to each, the first eight to hang would hold up everybody."""
    receivers = [new_receiver() for _ in range(12)]
    for each in receivers:
        office.subscribe(each)
    burst(office.engine, 5)
    begun: list[Attempt] = []

    class Held(Executor):
        def submit(self, work: Callable[..., Any], /, *args: Any, **options: Any) -> Future[Any]:
            begun.extend(args)
            return Future()

    office.new_daemon(Held()).tick()
    assert {attempt.url for attempt in begun} == {each.url for each in receivers}


def test_no_answer_in_time_is_a_failure_that_is_logged(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)

    def slow(*_: Any, timeout: float, **__: Any) -> Any:
        assert 15 <= timeout <= 30
        raise Unreachable("There was no answer in time.")

    office.daemon = office.new_daemon(office.inline, post=slow)
    office.finish()
    office.tick()
    (attempt,) = office.log(webhook)
    assert (attempt.status_code, attempt.error) == (None, "There was no answer in time.")
    assert office.until_next(webhook) > 0


def test_an_answer_of_a_gigabyte_is_an_answer(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)

    def gigabyte(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(2**30))
        handler.end_headers()
        for _ in range(2**14):
            handler.wfile.write(bytes(2**16))

    receiver.behaviour = gigabyte
    office.finish()
    office.tick(receiver)
    assert [each.status_code for each in office.log(webhook)] == [200]


def test_private_addresses_are_never_called(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)
    office.daemon = office.new_daemon(office.inline, allow_private=False)
    office.finish()
    office.tick()
    assert receiver.requests == []
    assert office.log(webhook)[-1].error == (
        "The host is not on the public internet (WEBHOOKS_ALLOW_PRIVATE=1 allows it, for development)."
    )


@pytest.mark.parametrize("where", ["http://169.254.169.254/", "http://localhost/", "file:///etc/passwd"])
def test_a_redirect_is_a_failure(office: PostOffice, receiver: Receiver, where: str) -> None:
    webhook = office.subscribe(receiver)
    receiver.behaviour = status(307, Location=where)
    office.finish()
    office.tick(receiver)
    assert [each.status_code for each in office.log(webhook)] == [307]
    assert len(receiver.requests) == 1


def test_a_daemon_killed_between_the_answer_and_its_record(office: PostOffice, receiver: Receiver) -> None:
    """Its lease runs out, and another one delivers again: the same id, the same body."""
    webhook = office.subscribe(receiver)
    office.finish()
    office.deliveries.fan_out()
    (attempt,) = office.deliveries.claim(10, 4)
    outcome = office.new_sender().send(attempt)
    assert outcome.status == 204
    office.tick(receiver, seconds=LEASE_SECONDS - 1)
    assert len(receiver.requests) == 1
    office.tick(receiver, seconds=1)
    assert len(receiver.requests) == 2
    assert [len(bodies) for bodies in bodies_by_id(receiver).values()] == [1]
    assert office.deliveries.record(attempt, outcome) is False  # the dead one's late word changes nothing
    lost, delivered = office.log(webhook)
    assert (lost.status_code, lost.error) == (None, "How it ended is not known: the sender was stopped.")
    assert (delivered.status_code, delivered.attempt) == (204, 2)
    assert owed(office) == 0


def test_a_word_that_comes_after_the_lease_changes_nothing(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)
    office.finish()
    office.deliveries.fan_out()
    (attempt,) = office.deliveries.claim(10, 4)
    office.webhooks.change("acme", webhook.id, {"enabled": False})
    office.engine.advance(LEASE_SECONDS)
    assert office.deliveries.claim(10, 4) == []
    assert not office.deliveries.record(attempt, office.new_sender().send(attempt))
    office.webhooks.change("acme", webhook.id, {"enabled": True})
    office.tick(receiver)
    assert ([each.status_code for each in office.log(webhook)], owed(office)) == ([None, 204], 0)


def test_a_record_that_is_repeated_counts_once(office: PostOffice, receiver: Receiver) -> None:
    webhook = office.subscribe(receiver)
    receiver.behaviour = status(500)
    office.finish()
    office.deliveries.fan_out()
    (attempt,) = office.deliveries.claim(10, 4)
    outcome = office.new_sender().send(attempt)
    assert office.deliveries.record(attempt, outcome)
    before = office.engine.state()
    assert office.deliveries.record(attempt, outcome)
    assert office.engine.state() == before
    assert len(office.log(webhook)) == 1


def test_two_daemons_deliver_once(office: PostOffice, new_receiver: NewReceiver) -> None:
    receivers = [new_receiver(), new_receiver()]
    for each in receivers:
        office.subscribe(each, ALL)
    with at_work(office, count=2):
        ids = burst(office.engine, 100)
        wait_until(lambda: owed(office) == 0, "everything is delivered")
    for each in receivers:
        office.verify(each)
        check_all_arrived_in_order(each, ids)
        assert len(each.requests) == 200
    assert all(len(bodies) == 1 for bodies in bodies_by_id(*receivers).values())


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=[pytest.mark.faults, pytest.mark.timeout(600)])])
def test_a_burst(office: PostOffice, receiver: Receiver, count: int) -> None:
    """Half of the events are starts."""
    office.subscribe(receiver, ALL)
    ids = burst(office.engine, count // 2)
    with at_work(office, count=2):
        wait_until(lambda: len(receiver.requests) >= count and owed(office) == 0, "everything is delivered", count / 10)
    office.verify(receiver)
    assert len(receiver.requests) == count
    check_all_arrived_in_order(receiver, ids)


def test_a_receiver_that_fails_at_random_gets_everything_in_order(office: PostOffice, receiver: Receiver) -> None:
    office.subscribe(receiver, ALL)
    luck = random.Random(5)
    receiver.behaviour = lambda handler: status(luck.choice([204, 500, 202, 503, 200]))(handler)
    ids = burst(office.engine, 40)
    for _ in range(200):
        office.tick(receiver, seconds=1800)
    assert len(receiver.requests) > 80
    assert owed(office) == 0
    check_all_arrived_in_order(receiver, ids)


def test_an_outage_of_redis_between_answer_and_record_is_survived(
    office: PostOffice, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    office.subscribe(receiver)
    office.finish()
    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING):
        patch.setattr(office.deliveries, "record", lambda *_: (_ for _ in ()).throw(ConnectionError("gone")))
        office.tick(receiver)
    assert "ConnectionError" in caplog.text
    office.tick(receiver, seconds=LEASE_SECONDS)
    assert (len(receiver.requests), owed(office)) == (2, 0)


def test_no_secret_is_logged_or_shown(office: PostOffice, receiver: Receiver, caplog: pytest.LogCaptureFixture) -> None:
    webhook = office.subscribe(receiver)
    secret = office.secrets[receiver.url]
    receiver.behaviour = status(500)
    with caplog.at_level(logging.DEBUG):
        office.finish()
        office.deliveries.fan_out()
        attempts = office.deliveries.claim(10, 4)
        office.tick(receiver, seconds=LEASE_SECONDS)
    shown = [repr(each) for each in (attempts, webhook, office.webhooks.all("acme"), office.log(webhook))]
    assert secret.removeprefix("whsec_") not in caplog.text + "".join(shown)


def test_closing_waits_for_what_has_begun_and_begins_nothing_more(office: PostOffice, receiver: Receiver) -> None:
    gate = Gate()
    receiver.behaviour = gate
    office.subscribe(receiver)
    burst(office.engine, 10)
    daemon = office.new_daemon()
    daemon.tick()
    wait_until(lambda: gate.inside == 4, "as many as one endpoint gets are under way")
    with ThreadPoolExecutor(1) as other:
        closed = other.submit(daemon.close)
        wait_until(lambda: daemon.closed, "it closes")
        gate.opened.set()
        closed.result(20)
    assert len(receiver.requests) == 4
    assert owed(office) == 6
