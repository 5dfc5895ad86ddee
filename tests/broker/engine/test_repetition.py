"""Guards that a lost reply changes nothing: every transition, sent twice with the same arguments, happens once.

A client repeats a command when the connection broke before the answer came; nobody can tell whether the first arrived.
"""

from collections.abc import Callable
from typing import Any

import pytest

from broker.engine.scripts import Script, names
from tests.broker.engine.engine import LEASE, SECOND, Engine, leased

#: Script -> what brings the engine into its state, then what is sent twice.
CASES: dict[str, Callable[[Engine], Callable[[], Any]]] = {}


#: Those that tell or note the time; they are repeated at the same moment.
TIMELY = {
    *("claim_and_wait", "finish_and_wait", "finish_and_watch", "renew", "declare", "configure", "register_worker"),
    *("reap", "reap_after_a_gap", "listen"),
}


def case(prepare: Callable[[Engine], Callable[[], Any]]) -> Callable[[Engine], Callable[[], Any]]:
    CASES[prepare.__name__] = prepare
    return prepare


@case
def submit_many(engine: Engine) -> Callable[[], Any]:
    batch = [{"id": "a"}, {"id": "b", "unique_key": "k", "delay_us": SECOND}, {"id": "c", "priority": 2}]
    return lambda: engine.try_submit_many(*batch)[0]


@case
def claim(engine: Engine) -> Callable[[], Any]:
    """Granted to a worker that watched for another type's token, and has to be relieved once."""
    for name in ("Slow", "Other"):
        engine.declare(name)
    engine.configure("Slow", rate="1")
    engine.submit("Slow")
    for worker in ("w1", "w2"):
        engine.claim(worker, "Noop,Other,Slow")
    engine.submit("Noop")
    again = engine.by("w1", "Noop,Other,Slow")
    return lambda: engine.store.claim(again)


@case
def claim_and_wait(engine: Engine) -> Callable[[], Any]:
    engine.configure(rate="1000")
    engine.submit()
    again = engine.by("w1")
    return lambda: engine.store.claim(again)


@case
def finish(engine: Engine) -> Callable[[], Any]:
    engine.submit(media=["m", "image", "id", "m"])
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    return lambda: engine.finish(run, then, media_id="m", info=("info:width", "1"))


@case
def finish_and_wait(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    return lambda: engine.finish(run, then)


@case
def finish_and_watch(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    engine.configure(rate="1000")
    return lambda: engine.finish(run, then)


@case
def fail(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    return lambda: engine.fail(run, 5, then)


@case
def fail_for_good(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    return lambda: engine.fail(run, None, then)


@case
def postpone(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    return lambda: engine.postpone(run, 5, then)


@case
def renew(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.submit()
    runs = [engine.start("w1"), engine.start("w2")]
    engine.store.cancel(runs[1].id, "acme", force=True)
    return lambda: engine.renew(*runs, progress="{}")


@case
def release(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    run = engine.start()
    return lambda: engine.release(run)


@case
def release_crashed(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    run = engine.start()
    return lambda: engine.release(run, crashed=True)


@case
def retry(engine: Engine) -> Callable[[], Any]:
    task_id = engine.submit(max_retries=0)
    engine.fail(engine.start())
    return lambda: engine.retry(task_id, force=True)


@case
def promote(engine: Engine) -> Callable[[], Any]:
    engine.submit(delay_us=SECOND)
    engine.advance(1)
    return lambda: engine.promote()[1]


@case
def prune(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.finish(engine.start())
    engine.advance(10)
    return lambda: engine.store.prune("Noop", "completed", retention_us=SECOND) >= 0


@case
def reap(engine: Engine) -> Callable[[], Any]:
    engine.reap()
    engine.submit()
    engine.start()
    engine.reap_later(4.5)
    engine.advance(1)
    return lambda: sum(engine.reap()) >= 0


@case
def reap_after_a_gap(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.start()
    engine.advance(60)
    return lambda: sum(engine.reap()) >= 0


@case
def declare(engine: Engine) -> Callable[[], Any]:
    engine.advance(1)
    return lambda: engine.declare("Noop", rate=5, burst=3, concurrency=2)


@case
def configure(engine: Engine) -> Callable[[], Any]:
    engine.configure(rate="1000", burst="5")
    engine.advance(1)
    return lambda: engine.configure(rate="500", burst="7", concurrency="3", paused="1")


@case
def remember(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    run = engine.start()
    return lambda: engine.store.remember(run.id, run.execution, {"remote": 1})


@case
def register_worker(engine: Engine) -> Callable[[], Any]:
    return lambda: engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 7}) in (True, False)


@case
def unregister_worker(engine: Engine) -> Callable[[], Any]:
    engine.store.register_worker("w1", ttl=30, queues="Noop,Other", fields={"pid": 7})
    engine.claim("w1", "Noop,Other")
    return lambda: engine.store.unregister_worker("w1", "Noop,Other")


@case
def repair_place(engine: Engine) -> Callable[[], Any]:
    task_id = engine.submit()
    engine.redis.rpush(engine.keys.rq_queue("Noop:5"), task_id)
    script = Script("repair_place", clock="clock_test")
    wrong = {"prefix": "rq", "place": "queue:Noop:5", "member": task_id, "reorder": 0}
    return lambda: script(engine.redis, **wrong) >= 0


@case
def repair_surroundings(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.redis.delete(engine.keys.ready())
    script = Script("repair_surroundings", clock="clock_test")
    return lambda: script(engine.redis, prefix="rq", what="ready", subject="Noop", of="")


@case
def listen(engine: Engine) -> Callable[[], Any]:
    return lambda: engine.store.listen("acme", keep_us=SECOND)


@case
def reconcile(engine: Engine) -> Callable[[], Any]:
    task_id = engine.submit()
    engine.redis.delete(engine.keys.rq_queue("Noop"))
    engine.redis.hset(engine.keys.job(task_id), "status", "canceled")
    return lambda: engine.audit.tick() >= 1


@case
def remove_gone(engine: Engine) -> Callable[[], Any]:
    task_id = engine.submit()
    engine.redis.delete(engine.keys.rq_queue("Noop"), engine.keys.job(task_id))
    script = Script("remove_gone", clock="clock_test")
    values = {"prefix": "rq", "tenant": "acme", "type_name": "Noop", "ids": [task_id]}
    return lambda: script(engine.redis, **values)


@pytest.mark.parametrize("name", CASES)
def test_sent_twice_it_happens_once(engine: Engine, name: str) -> None:
    send = CASES[name](engine)
    first = send()
    once = engine.state()
    if name not in TIMELY:
        engine.advance(0.2)
    assert send() == first
    assert engine.state() == once
    engine.check()


def test_a_second_submission_and_cancellation_find_the_first(engine: Engine) -> None:
    """The two whose second answer differs: it says what it found, which callers take for the same."""
    assert engine.try_submit(id="a") == (1, "a")
    once = engine.state()
    assert engine.try_submit(id="a") == (0, "a")
    assert engine.state() == once
    assert engine.store.cancel("a", "acme", force=False) == "pending"
    once = engine.state()
    assert engine.store.cancel("a", "acme", force=False) == "cancelled"
    assert engine.state() == once


def test_every_transition_is_here() -> None:
    elsewhere = {
        *("submit", "cancel", "begin_request", "put_vectors", "delete_vectors"),
        *("page", "census", "workers", "check_places", "changed_vectors", "probe"),  # reads
        *("create_webhook", "change_webhook", "rotate_secret", "delete_webhook", "sweep_webhook"),
        *("fan_out", "put_aside", "send_test_event", "resend_delivery", "claim_deliveries", "record_delivery"),
    }
    assert {name if name in names() else name.partition("_")[0] for name in CASES} == set(names()) - elsewhere


def test_a_lease_is_that_of_the_first_claim(engine: Engine) -> None:
    engine.submit()
    claim = engine.by("w1")
    engine.store.claim(claim)
    due = engine.now + LEASE
    engine.advance(1)
    engine.store.claim(claim)
    assert set(engine.state().values[engine.keys.registry("wip", "Noop")].values()) == {leased(due)}
