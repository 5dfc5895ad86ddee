"""Guards that a lost reply changes nothing: every transition, sent twice with the same arguments, happens once.

A client repeats a command when the connection broke before the answer came; nobody can tell whether the first arrived.
"""

from collections.abc import Callable
from typing import Any

import pytest

from broker.engine.scripts import Script, names
from broker.engine.transitions import Claimed
from broker.tasks.failures import Failures, FailureState
from tests.broker.engine.engine import LEASE, SECOND, START, Engine, Run, leased
from tests.broker.engine.repeated_uploads import UPLOADS

#: Script -> what brings the engine into its state, then what is sent twice.
CASES: dict[str, Callable[[Engine], Callable[[], Any]]] = dict(UPLOADS)


#: Those that tell or note the time; they are repeated at the same moment.
TIMELY = {
    *("claim_and_wait", "finish_and_wait", "finish_and_watch", "renew", "declare", "configure", "register_worker"),
    *("reap", "reap_after_a_gap", "listen", "lift", "hold_upload"),
}


def case(prepare: Callable[[Engine], Callable[[], Any]]) -> Callable[[Engine], Callable[[], Any]]:
    CASES[prepare.__name__] = prepare
    return prepare


@case
def submit_many(engine: Engine) -> Callable[[], Any]:
    batch = [{"id": "a"}, {"id": "b", "unique_key": "k", "delay_us": SECOND}, {"id": "c", "priority": 2}]
    return lambda: engine.try_submit_many(*batch)[0]


@case
def append_log(engine: Engine) -> Callable[[], Any]:
    """What a run has said is there once, whoever writes it."""
    task_id = engine.submit()
    append = Script("append_log")
    lines = ["1", "5", "info", "handler", "one", "2", "6", "info", "handler", "two"]
    values = {"prefix": engine.keys.prefix, "id": task_id, "attempt": 1, "most_lines": 10, "most_bytes": 1000}
    return lambda: append(engine.redis, **values, lines=lines)


@case
def submit_linked(engine: Engine) -> Callable[[], Any]:
    first, failed = engine.submit(), engine.submit()
    engine.start("w2")
    engine.fail(engine.start())
    batch = [
        {"id": "a", "depends_on": [first], "flow": "f"},
        {"id": "b", "depends_on": [failed]},
        {"id": "c", "flow": "f"},
    ]
    return lambda: engine.try_submit_linked(*batch, media=["m", "image", "0", "id", "m"])[0]


@case
def add_usage(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    run = engine.start()
    engine.store.cancel(run.id, "acme", force=True)
    rows = [(run.id, "acme", "Noop", "5 6 7 8 9 10 0 0 0"), ("", "acme", "Noop", "0 0 0 0 0 0 3 4 5")]
    return lambda: engine.store.add_usage(run.execution, rows)


@case
def finish_what_used_something(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    run, then = engine.start(), engine.no_more()
    return lambda: engine.finish(run, then, used="5 6 7 8 9 10 3 4 5")


@case
def claim_beyond(engine: Engine) -> Callable[[], Any]:
    """What the worker does not know is put aside once."""
    engine.submit(version=2)
    engine.submit()
    again = engine.by("w1")
    return lambda: engine.store.claim(again)


@case
def finish_before_others(engine: Engine) -> Callable[[], Any]:
    first = engine.link(flow="f")
    for _ in range(2):
        engine.link(first, flow="f")
    run, then = engine.start(), engine.by("w1")
    return lambda: engine.finish(run, then)


@case
def fail_before_others(engine: Engine) -> Callable[[], Any]:
    first = engine.link(flow="f")
    for _ in range(7):
        engine.link(first, flow="f")
    run = engine.start()
    return lambda: engine.fail(run)


@case
def settle(engine: Engine) -> Callable[[], Any]:
    """The second time there is nothing left."""
    first = engine.submit()
    for _ in range(7):
        engine.link(first)
    engine.finish(engine.start())
    return lambda: engine.store.settle()


@case
def claim_between_tenants(engine: Engine) -> Callable[[], Any]:
    """Charged once, its token taken once."""
    engine.cap(rate=1000, burst=5, group=1)
    engine.advance(1)
    for tenant in ("a", "b"):
        engine.submit(tenant=tenant, group="g")
        engine.submit(tenant=tenant, group="h")
    again = engine.by("w1")
    return lambda: engine.store.claim(again)


@case
def finish_between_tenants(engine: Engine) -> Callable[[], Any]:
    for tenant in ("a", "b"):
        engine.submit(tenant=tenant, group="g")
        engine.submit(tenant=tenant)
    run, then = engine.start(), engine.by("w1")
    engine.advance(2)
    return lambda: engine.finish(run, then)


@case
def set_tenant(engine: Engine) -> Callable[[], Any]:
    return lambda: engine.store.set_tenant("acme", "2.5", ["Noop", "1000/2/none"])


@case
def hold(engine: Engine) -> Callable[[], Any]:
    return lambda: engine.store.hold("h", '{"tenant":"acme"}')


@case
def sweep_hold(engine: Engine) -> Callable[[], Any]:
    """The second time there is nothing left to move."""
    engine.submit()
    engine.store.hold("h", '{"tenant":"acme"}')
    return lambda: engine.store.sweep_hold("h", "acme", "Noop")[0]


@case
def settle_hold(engine: Engine) -> Callable[[], Any]:
    engine.store.hold("h", '{"tenant":"acme"}')
    return lambda: engine.store.settle_hold("h")


@case
def let_go_hold(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.store.hold("h", '{"tenant":"acme"}')
    engine.store.sweep_hold("h", "acme", "Noop")
    return lambda: engine.store.let_go_hold("h") <= 0


@case
def lift(engine: Engine) -> Callable[[], Any]:
    engine.cap(aging=10)
    engine.submit()
    engine.advance(10)
    return lambda: engine.store.lift()[1]


@case
def begin_aging(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.cap(aging=10)
    return lambda: engine.store.begin_aging("acme", "Noop")


@case
def adopt(engine: Engine) -> Callable[[], Any]:
    """The second time all stand in line."""
    task_id = engine.submit()
    engine.redis.delete(engine.keys.waiting("Noop", 0, "acme", ""))
    script = Script("adopt", clock="clock_test")
    arguments = {"prefix": engine.keys.prefix, "queue": "Noop", "first": 0, "last": -1}
    return lambda: set(script(engine.redis, **arguments)) <= {task_id}


@case
def prune_flows(engine: Engine) -> Callable[[], Any]:
    engine.link(flow="f")
    engine.finish(engine.start())
    engine.advance(10)
    return lambda: engine.store.prune_flows(retention_us=SECOND) >= 0


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
def claim_more(engine: Engine) -> Callable[[], Any]:
    for _ in range(4):
        engine.submit()
    claim = engine.by("w1", execution="y+0")
    first = engine.store.claim(claim)
    assert isinstance(first, Claimed)
    return lambda: engine.store.claim_more(first, claim, "Noop", 2)


@case
def claim_and_wait(engine: Engine) -> Callable[[], Any]:
    engine.configure(rate="1000")
    engine.submit()
    again = engine.by("w1")
    return lambda: engine.store.claim(again)


@case
def finish(engine: Engine) -> Callable[[], Any]:
    engine.submit(media=["m", "image", "0", "id", "m"])
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
def enforce_deadlines(engine: Engine) -> Callable[[], Any]:
    """The second time nobody is late any more."""
    engine.try_submit_linked({"id": "late", "deadline": START + SECOND}, {"id": "next", "depends_on": ["late"]})
    engine.advance(2)
    return lambda: engine.store.enforce_deadlines()[2]


@case
def claim_past_a_deadline(engine: Engine) -> Callable[[], Any]:
    engine.try_submit_linked({"id": "late", "deadline": START + SECOND})
    engine.submit()
    engine.advance(2)
    again = engine.by("w1")
    return lambda: engine.store.claim(again)


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


def shared(engine: Engine) -> Run:
    """The run of a task whose parts ``a`` and ``b`` are shared with one helper, which waits."""
    engine.submit(id="lead")
    run = engine.start()
    engine.share(run, "a", "b", helpers=["helper"])
    return run


@case
def share_work(engine: Engine) -> Callable[[], Any]:
    run = shared(engine)
    return lambda: engine.share(run, "a", "b", "c", helpers=["h1", "h2"]) is not None


@case
def take_part(engine: Engine) -> Callable[[], Any]:
    run = shared(engine)
    return lambda: engine.take(run)


@case
def end_part(engine: Engine) -> Callable[[], Any]:
    run = shared(engine)
    engine.take(run)
    return lambda: engine.store.end_part(run.id, run.execution, lead="lead", part="a", done=True)


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
    return lambda: engine.reconcile.tick() >= 1


@case
def remove_gone(engine: Engine) -> Callable[[], Any]:
    task_id = engine.submit()
    engine.redis.delete(engine.keys.rq_queue("Noop"), engine.keys.job(task_id))
    script = Script("remove_gone", clock="clock_test")
    values = {"prefix": "rq", "tenant": "acme", "type_name": "Noop", "ids": [task_id]}
    return lambda: script(engine.redis, **values)


@case
def drain(engine: Engine) -> Callable[[], Any]:
    engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 1})
    engine.claim("w1")
    script = Script("drain", clock="clock_test")
    return lambda: script(engine.redis, prefix="rq", worker="w1", ttl=100, actor="")


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


@case
def change_task(engine: Engine) -> Callable[[], Any]:
    """It moves to another queue, or to the time that was said first."""
    task_id = engine.submit(tags='["x"]')
    changes = {"level": "3", "due": "", "delay": str(5 * SECOND), "tags": '["y"]', "request": "r1"}
    return lambda: engine.store.change_task(task_id, "acme", **changes)


@case
def change_failure(engine: Engine) -> Callable[[], Any]:
    engine.submit()
    engine.fail(engine.start())
    failures = Failures(engine.redis, engine.keys)
    (group,), _ = failures.page("acme")
    return lambda: failures.change("acme", group.id, FailureState.RESOLVED)


@case
def tidy_tag(engine: Engine) -> Callable[[], Any]:
    engine.redis.zadd(engine.keys.tagged("acme", "x"), {"gone": 1})
    engine.redis.sadd(engine.keys.tags("acme"), "x")
    return lambda: engine.store.tidy_tag("acme", "x", 0)


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
        *("submit", "cancel", "begin_request", "put_vectors", "delete_vectors", "keep_media"),
        *("delete_media", "delete_task", "expire_media", "bury_orphan", "remove_source"),  # tests/broker/removal
        *("claim_tombstones", "settle_tombstone", "claim_sources"),
        *("create_operation", "step_operation", "cancel_operation"),  # test_operations: a repeated step is the next
        "step_reprocessing",  # test_reprocessing: a repeated one does nothing
        *("find", "page", "census", "flow", "workers", "check_places", "changed_vectors", "probe", "snapshot"),  # reads
        *("why", "oldest", "check_caps", "bills"),  # reads as well
        "read_counts",  # what others have counted
        *("note_media", "note_early"),  # which write what they are told, however often
        "take_request",  # which counts twice what was asked twice
        "sample_waits",  # whose next look tells the same
        *("want_generation", "step_generation", "settle_generation"),  # test_generations: a repeated step is the next
        *("create_webhook", "change_webhook", "rotate_secret", "delete_webhook", "sweep_webhook"),
        *("create_key", "rotate_key", "revoke_key", "touch_key", "note_audit", "put_plugin_config"),
        *("fan_out", "put_aside", "send_test_event", "resend_delivery", "claim_deliveries", "record_delivery"),
    }
    longest_first = sorted(names(), reverse=True)
    here = {next(script for script in longest_first if name.startswith(script)) for name in CASES}
    assert here == set(names()) - elsewhere


def test_a_lease_is_that_of_the_first_claim(engine: Engine) -> None:
    engine.submit()
    claim = engine.by("w1")
    engine.store.claim(claim)
    due = engine.now + LEASE
    engine.advance(1)
    engine.store.claim(claim)
    assert set(engine.state().values[engine.keys.registry("wip", "Noop")].values()) == {leased(due)}
