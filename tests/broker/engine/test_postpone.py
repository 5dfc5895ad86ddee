"""Guards the wait for somebody else: the task runs again at its time, and nothing else about it has changed."""

import pytest

from tests.broker.engine.engine import LEASE, NOTHING, SECOND, START, Engine, at, indexed, leased, token_in
from tests.invariants import changes


def test_a_postponed_task_waits_for_its_time_and_spends_nothing(engine: Engine) -> None:
    engine.submit(max_retries=0)
    run = engine.start()
    engine.advance(1)
    before = engine.state()
    assert engine.postpone(run, 2.25) == ("scheduled", NOTHING)
    assert changes(before, engine.state()) == {
        "job:task-1": {
            "status": ("started", "scheduled"),
            "lease": ("x1", "x1 postponed"),
            "crashes": (None, "0"),
            "scheduled_at": (None, at(3.25)),
            "postponed": (None, "1"),
            "looks": (None, "1"),
        },
        "wip:Noop": {"task-1:x1": (leased(START + LEASE), None)},
        "scheduled:Noop": {"task-1": (None, START / SECOND + 3)},
        "worker:w1": {"state": ("busy", "idle")},
        "broker:due": {"task-1": (None, START + 3.25 * SECOND)},
        "broker:tasks:acme:Noop": {"task-1": (indexed("processing"), indexed("scheduled"))},
    }
    engine.check()


def test_it_runs_again_with_what_it_remembered_when_it_is_due(engine: Engine) -> None:
    task_id = engine.submit()
    run = engine.start()
    engine.store.remember(task_id, run.execution, {"remote": 7})
    engine.postpone(run, 5)
    engine.advance(4.9)
    assert engine.promote() == (0, SECOND // 10)
    engine.advance(0.1)
    assert engine.promote()[0] == 1
    again = engine.start().claimed
    assert (again.id, again.runs, again.retry_count, again.memo) == (task_id, 2, 0, '{"remote": 7}')


def test_webhooks_hear_of_the_start_and_not_of_every_look(engine: Engine) -> None:
    engine.redis.hset(engine.keys.listeners(), "acme:webhooks", "task.processing")
    task_id = engine.submit()
    for _ in range(3):
        engine.postpone(engine.start(), 0)
        engine.promote()
    started = [entry["task"] for entry in engine.state().values[engine.keys.outbox()]]
    assert started == [task_id]
    engine.fail(engine.start(), delay=0)
    engine.promote()
    engine.start()
    assert len(engine.state().values[engine.keys.outbox()]) == 2, "a retry starts anew"


def test_any_number_of_waits_leaves_retries_and_history_alone(engine: Engine) -> None:
    task_id = engine.submit(max_retries=1)
    engine.fail(engine.start(), delay=0)
    for _ in range(15):
        engine.promote()
        engine.postpone(engine.start(), 0)
    task = engine.task(task_id)
    assert (task.status, task.retry_count, task.error, len(task.attempts)) == ("scheduled", 1, "boom", 1)
    engine.check()


def test_a_wait_ends_a_row_of_crashes(engine: Engine) -> None:
    engine.submit()
    for _ in range(2):
        engine.release(engine.start(), crashed=True)
    engine.postpone(engine.start(), 0)
    engine.promote()
    for _ in range(2):
        assert engine.release(engine.start(), crashed=True) == "pending"
    assert engine.release(engine.start(), crashed=True) == "failed"


def test_the_slot_of_a_waiting_task_is_free(engine: Engine) -> None:
    engine.configure(concurrency="1")
    engine.submit()
    other = engine.submit()
    run = engine.start("w1")
    assert engine.claim("w2") == NOTHING
    engine.postpone(run, 60)
    assert engine.woken() == ["w2"]
    assert engine.start("w2").id == other
    engine.check()


def test_its_owner_may_cancel_it_while_it_waits(engine: Engine) -> None:
    task_id = engine.submit(unique_key="k")
    engine.postpone(engine.start(), 60)
    assert engine.try_submit(unique_key="k") == (0, task_id)
    assert engine.store.cancel(task_id, "acme", force=False) == "scheduled"
    assert engine.task(task_id).status == "cancelled"
    engine.check()


@pytest.mark.parametrize("more", [True, False])
def test_a_repeat_is_told_the_same_outcome_and_the_same_next_task(engine: Engine, more: bool) -> None:
    engine.submit()
    engine.submit()
    run = engine.start()
    then = engine.by("w1") if more else engine.no_more("w1")
    first = engine.postpone(run, 5, then)
    before = engine.state()
    engine.advance(0.5)
    assert engine.postpone(run, 5, then) == first
    assert engine.state() == before
    assert (first[1] != NOTHING) == more


class TestTokens:
    """A look is no new start: a token pays for a start and 60 looks, and everything else is counted as ever."""

    @pytest.fixture
    def waiting(self, engine: Engine) -> Engine:
        """At 1/s, burst 1: one task that has started and waits; there is no token."""
        engine.declare("Noop", rate=1)
        engine.advance(1)
        engine.submit()
        engine.postpone(engine.start(), 0)
        return engine

    def test_a_look_takes_none_and_needs_none(self, waiting: Engine) -> None:
        other = waiting.submit()
        assert waiting.claim() == token_in(SECOND)
        waiting.advance(1)
        assert waiting.start().id == other
        for _ in range(3):
            waiting.promote()
            waiting.postpone(waiting.start(), 0)
        waiting.submit()
        assert waiting.claim() == token_in(SECOND), "a look has taken a token, or given one"

    @pytest.mark.parametrize("redis", ["valkey"], indirect=True)  # hundreds of tasks, and nothing of the loader's
    def test_thirty_that_wait_hold_up_nobody(self, engine: Engine) -> None:
        """Each second all of them look; what is new beside them starts as soon as without them."""
        engine.declare("Noop", rate=1)
        remote = [engine.submit() for _ in range(30)]
        for _ in remote:
            engine.advance(1)
            engine.postpone(engine.start(), 0)
        for _ in range(5):
            new = engine.submit()
            engine.advance(1)
            engine.promote()
            runs = [engine.start() for _ in range(31)]
            assert sorted(run.id for run in runs) == sorted([*remote, new])
            for run in runs:
                if run.id == new:
                    engine.finish(run)
                else:
                    engine.postpone(run, 0)
        engine.check()

    @pytest.mark.parametrize("redis", ["valkey"], indirect=True)  # hundreds of tasks, and nothing of the loader's
    def test_a_token_pays_for_sixty(self, waiting: Engine) -> None:
        for _ in range(3):
            for _ in range(60):
                waiting.promote()
                waiting.postpone(waiting.start(), 0)
            waiting.promote()
            assert waiting.claim() == token_in(SECOND)
            waiting.advance(1)
            waiting.postpone(waiting.start(), 0)

    @pytest.mark.parametrize("end", ["fail", "crash", "hand back"])
    def test_a_look_that_ended_otherwise_is_paid_for(self, waiting: Engine, end: str) -> None:
        waiting.promote()
        run = waiting.start()
        if end == "fail":
            waiting.fail(run, delay=0)
            waiting.promote()
        else:
            waiting.release(run, crashed=end == "crash")
        assert waiting.claim() == token_in(SECOND)

    def test_it_waits_in_line_behind_what_came_before(self, waiting: Engine) -> None:
        other = waiting.submit()
        waiting.promote()
        assert waiting.claim() == token_in(SECOND)
        waiting.advance(1)
        assert waiting.start().id == other
        assert waiting.start().id == "task-1"

    def test_caps_and_pauses_hold_it(self, waiting: Engine) -> None:
        waiting.promote()
        waiting.configure(paused="1")
        assert waiting.claim() == NOTHING
        waiting.configure(paused="0", concurrency="1")
        waiting.submit("Noop")
        run = waiting.start()
        waiting.advance(1)
        assert waiting.claim("w2") == NOTHING
        waiting.finish(run)
        assert waiting.start("w2").id == "task-2"

    def test_who_sleeps_until_the_next_token_is_woken_for_it(self, waiting: Engine) -> None:
        waiting.submit("Noop", priority=3)
        assert waiting.claim("w1") == token_in(SECOND)
        assert waiting.claim("w2") == NOTHING
        waiting.promote()
        (woken,) = waiting.woken()
        assert waiting.start(woken).id == "task-1"

    def test_a_tenant_with_nothing_left_in_line_hides_nobody(self, waiting: Engine) -> None:
        """Its share is there until a claim meets it; whoever needs no token behind it is woken for all the same."""
        waiting.advance(1)
        waiting.submit(tenant="other")
        waiting.start(worker="w1")
        assert waiting.claim(worker="w2") == token_in(SECOND)
        waiting.promote()
        assert waiting.redis.lpop(waiting.keys.wake("w2")) == "1"
        waiting.check()

    def test_two_are_woken_for_two(self, waiting: Engine) -> None:
        waiting.advance(1)
        waiting.submit()
        waiting.postpone(waiting.start(), 0)
        waiting.submit("Noop", priority=3)
        assert [waiting.claim(f"w{number}") for number in (1, 2, 3)] == [token_in(SECOND), NOTHING, NOTHING]
        waiting.promote()
        assert [waiting.start(worker).id for worker in waiting.woken()] == ["task-1", "task-2"]
