"""Tasks that are of no use unless a run of them begins in time."""

import pytest

from broker.engine.transitions import Claimed, Wait
from broker.status import Status
from tests.broker.engine.engine import NOTHING, START, Engine, at
from tests.invariants import check_drained

WORDS = "Not started by its deadline, {}."


def submit(engine: Engine, seconds: float, **fields: object) -> str:
    """A task with a deadline so many seconds after the beginning."""
    task_id = str(fields.setdefault("id", "late"))
    assert engine.try_submit_linked({"deadline": START + round(seconds * 1e6), **fields})[0] == 1
    return task_id


def pass_deadlines(engine: Engine, limit: int = 25) -> tuple[list[str], int, int]:
    cancelled, passed, wait = engine.store.enforce_deadlines(limit)
    return [each.id for each in cancelled], passed, wait


@pytest.mark.parametrize("state", ["pending", "scheduled", "held", "depends"])
def test_what_waits_at_its_deadline_is_cancelled_with_that_error(engine: Engine, state: str) -> None:
    if state == "held":
        engine.store.hold("h1", '{"type":"Noop","reason":"storage moves"}')
    more: dict[str, object] = {"delay_us": 9_000_000} if state == "scheduled" else {}
    if state == "depends":
        more["depends_on"] = [engine.submit(delay_us=9_000_000)]
    task_id = submit(engine, 5, **more)
    assert engine.task(task_id).deadline == at(5)
    assert pass_deadlines(engine) == ([], 0, 5_000_000)
    engine.now = START + 4_999_999
    assert pass_deadlines(engine) == ([], 0, 1)
    engine.now = START + 5_000_000
    assert pass_deadlines(engine) == ([task_id], 1, -1)
    task = engine.task(task_id)
    assert (task.status, task.error, task.completed_at) == (Status.CANCELLED, WORDS.format(at(5)), at(5))
    assert pass_deadlines(engine) == ([], 0, -1)
    engine.check()


def test_a_claim_does_not_start_it_after_its_deadline(engine: Engine) -> None:
    """Whether or not a daemon has come by; what stands behind it is started instead."""
    late, other = submit(engine, 5), engine.submit()
    engine.advance(5)
    claimed = engine.claim()
    assert isinstance(claimed, Claimed)
    assert claimed.id == other
    assert engine.task(late).error == WORDS.format(at(5))
    engine.check()


def test_one_claim_cancels_so_many_that_nobody_waits_for_it(engine: Engine) -> None:
    """Each takes many commands: a thousand would be tens of milliseconds."""
    for number in range(120):
        submit(engine, 5, id=f"late-{number}")
    other = engine.submit()
    engine.advance(5)
    assert engine.claim() == Wait(1)
    assert 0 < 120 - len(engine.waiting()) < 60
    claims = [engine.claim() for _ in range(9)]
    assert [each.id for each in claims if isinstance(each, Claimed)] == [other]
    engine.check()


def test_nor_where_its_token_is_due_after_it(engine: Engine) -> None:
    engine.declare(rate=1000)
    engine.advance(1)
    engine.submit()
    engine.start()
    task_id = submit(engine, 1.0005)  # the next token comes a millisecond after the last
    assert engine.claim("w2") == NOTHING
    assert engine.task(task_id).status is Status.CANCELLED


def test_one_that_has_begun_is_left_alone(engine: Engine) -> None:
    task_id = submit(engine, 5)
    engine.advance(4)
    run = engine.start()
    engine.fail(run, delay=3)
    engine.advance(3)
    assert pass_deadlines(engine) == ([], 1, -1)
    engine.promote()
    engine.finish(engine.start())
    assert engine.task(task_id).status is Status.COMPLETED
    check_drained(engine.redis, engine.keys)


def test_an_end_takes_its_deadline_along(engine: Engine) -> None:
    submit(engine, 5)
    engine.finish(engine.start())
    assert engine.redis.zcard(engine.keys.deadlines()) == 0
    submit(engine, 5, id="other")
    engine.store.cancel("other", "acme", force=False)
    assert engine.redis.zcard(engine.keys.deadlines()) == 0
    assert engine.task("other").error is None


def test_what_depends_on_it_is_cancelled_and_its_flow_has_failed(engine: Engine) -> None:
    task_id = submit(engine, 5, flow="f")
    follower = engine.link(task_id, flow="f")
    engine.advance(6)
    pass_deadlines(engine)
    error = engine.task(follower).error
    assert error == (
        f"Cancelled because a task that it depends on did not complete: task late was cancelled: {WORDS.format(at(5))}"
    )
    assert engine.redis.hexists(engine.keys.flow("acme", "f"), "ended_at")
    assert engine.redis.zcard(engine.keys.deadlines()) == 0
    engine.check()


def test_many_are_cancelled_step_by_step_and_a_claim_goes_past_them(engine: Engine) -> None:
    for number in range(40):
        submit(engine, 1, id=f"late-{number}")
    last = engine.submit()
    engine.advance(1)
    assert pass_deadlines(engine, 25)[1] == 25
    assert engine.start().id == last
    assert pass_deadlines(engine, 25)[1] == 0
    engine.check()


def test_only_one_event_tells_its_end(engine: Engine) -> None:
    engine.redis.hset(engine.keys.listeners(), "acme:webhooks", "task.cancelled")
    submit(engine, 1)
    engine.advance(1)
    assert engine.claim() == NOTHING
    pass_deadlines(engine)
    told = engine.state().values[engine.keys.outbox()]
    assert [(each["type"], each["task"], each["deadline"]) for each in told] == [("task.cancelled", "late", at(1))]


def test_requeued_by_a_foreign_hand_it_has_no_deadline_any_more(engine: Engine) -> None:
    task_id = submit(engine, 1)
    engine.advance(1)
    pass_deadlines(engine)
    engine.redis.hset(engine.keys.job(task_id), "status", "queued")
    engine.redis.zrem(engine.keys.registry("canceled", "Noop"), task_id)
    engine.redis.rpush(engine.keys.rq_queue("Noop"), task_id)
    engine.reconcile.tick()
    assert engine.start().id == task_id
