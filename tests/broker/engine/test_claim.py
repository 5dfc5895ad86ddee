"""Guards how a worker gets a task: leased in the same step, only what it listens to, only what may be run."""

import itertools

import pytest

from broker.engine.transitions import Claimed
from tests.broker.engine.engine import LEASE, NOTHING, START, Engine, at, indexed, leased
from tests.invariants import changes


def test_a_claim_leases_the_head_of_the_queue(engine: Engine) -> None:
    task_id, second = engine.submit(), engine.submit()
    engine.advance(1)
    before = engine.state()
    run = engine.start()
    assert run.claimed == Claimed(task_id, "Noop", "acme", '{"n":1}', runs=1, timeout=60, retry_count=0, memo="")
    assert changes(before, engine.state()) == {
        "job:task-1": {
            "status": ("queued", "started"),
            "started_at": (None, at(1)),
            "worker_name": (None, "w1"),
            "lease": (None, "x1"),
            "runs": (None, "1"),
        },
        "queue:Noop": ([task_id, second], [second]),
        "broker:waiting:Noop:0:acme:": {task_id: (START, None)},
        "wip:Noop": {"task-1:x1": (None, leased(START + 1_000_000 + LEASE))},
        "worker:w1": {"state": (None, "busy"), "current_job": (None, task_id)},
        "broker:tasks:acme:Noop": {task_id: (indexed("pending"), indexed("processing"))},
    }
    engine.check()


def test_a_later_run_is_told_what_the_earlier_ones_left(engine: Engine) -> None:
    engine.submit()
    run = engine.start()
    assert engine.store.remember(run.id, run.execution, {"remote": 7})
    engine.fail(run, delay=0)
    engine.promote()
    again = engine.start().claimed
    assert (again.runs, again.retry_count, again.memo) == (2, 1, '{"remote": 7}')


def test_a_repeat_gets_the_same_task_again(engine: Engine) -> None:
    engine.submit()
    engine.submit()
    claim = engine.by("w1")
    first = engine.store.claim(claim)
    before = engine.state()
    engine.advance(1)
    assert engine.store.claim(claim) == first
    assert engine.state() == before


def test_a_repeat_does_not_resurrect_a_run_that_is_over(engine: Engine) -> None:
    engine.submit()
    run = engine.start()
    engine.store.cancel(run.id, "acme", force=True)
    assert engine.store.claim(engine.by("w1", execution=run.execution)) == NOTHING


def test_nothing_to_do_registers_the_worker_as_asleep(engine: Engine) -> None:
    before = engine.state()
    claim = engine.by("w1", "Noop,Other")
    assert engine.store.claim(claim) == NOTHING
    after = engine.state()
    assert changes(before, after) == {
        "worker:w1": {"state": (None, "idle")},
        "broker:groups": {"Noop,Other": (None, "1")},
        "broker:idle:Noop,Other": (None, {"w1"}),
    }
    assert engine.store.claim(claim) == NOTHING
    assert engine.state() == after


def test_a_worker_gets_only_what_it_listens_to(engine: Engine) -> None:
    engine.declare("NoopMore")
    engine.submit()
    assert engine.claim("w1", "NoopMore") == NOTHING
    assert engine.claim("w2", "NoopMore,Noop,Other").queue == "Noop"


def test_tasks_of_a_level_run_in_the_order_of_their_arrival(engine: Engine) -> None:
    ids = [engine.submit() for _ in range(5)]
    assert [engine.start(f"w{n}").id for n in range(5)] == ids


def test_what_a_foreign_hand_took_is_passed_over(engine: Engine) -> None:
    deleted, cancelled, good = engine.submit(), engine.submit(), engine.submit()
    engine.redis.delete(engine.keys.job(deleted))
    engine.redis.hset(engine.keys.job(cancelled), "status", "canceled")
    assert engine.start().id == good
    assert engine.waiting() == []


def test_a_queue_of_nothing_but_gone_tasks_is_empty(engine: Engine) -> None:
    engine.redis.delete(engine.keys.job(engine.submit()))
    assert engine.claim() == NOTHING
    assert engine.state().values.keys().isdisjoint({engine.keys.rq_queue("Noop"), engine.keys.ready()})


def test_a_task_that_rq_put_back_outlives_the_time_that_rq_gave_it(engine: Engine) -> None:
    task_id = engine.submit()
    engine.fail(engine.start())
    engine.redis.zrem(engine.keys.registry("failed", "Noop"), task_id)
    engine.redis.hset(engine.keys.job(task_id), "status", "queued")
    engine.redis.expire(engine.keys.job(task_id), 500)
    engine.redis.rpush(engine.keys.rq_queue("Noop"), task_id)
    engine.redis.zadd(engine.keys.ready(), {"Noop": 0})
    assert engine.start().id == task_id
    engine.check()


def test_suspended_means_that_nothing_starts(engine: Engine) -> None:
    task_id = engine.submit()
    engine.redis.set(engine.keys.suspended(), 1)
    assert engine.claim("w1") == NOTHING
    engine.submit()
    assert engine.woken() == []
    engine.redis.delete(engine.keys.suspended())
    engine.reap()
    assert engine.woken() == ["w1"]
    assert engine.start("w1").id == task_id


def test_a_paused_type_waits_and_the_others_go_on(engine: Engine) -> None:
    engine.declare("Other")
    engine.submit(priority=9)
    other = engine.submit("Other")
    engine.configure(paused="1")
    assert engine.start("w1", "Noop,Other").id == other
    assert engine.claim("w2", "Noop,Other") == NOTHING
    engine.configure(paused="0")
    assert engine.woken() == ["w2"]
    assert engine.start("w2", "Noop,Other").claimed.queue == "Noop:9"


class TestOrder:
    """Highest priority among the types that may start; ties go to the type served longest ago."""

    BOTH = "Noop,Other"

    @pytest.fixture(autouse=True)
    def _other(self, engine: Engine) -> None:
        engine.declare("Other")

    def queues(self, engine: Engine, count: int) -> list[str]:
        found = []
        for n in range(count):
            engine.advance(0.001)
            found.append(engine.start(f"w{n}", self.BOTH).claimed.queue)
        return found

    def test_priority_comes_before_age_and_type(self, engine: Engine) -> None:
        for name, priority in [("Noop", 0), ("Other", 3), ("Noop", 10), ("Other", 0), ("Noop", 3), ("Noop", 9)]:
            engine.submit(name, priority=priority)
        found = self.queues(engine, 6)
        assert found[:2] == ["Noop:10", "Noop:9"]
        assert sorted(found[2:4]) == ["Noop:3", "Other:3"]
        assert sorted(found[4:]) == ["Noop", "Other"]

    def test_types_of_a_level_take_turns(self, engine: Engine) -> None:
        for _ in range(3):
            engine.submit("Noop")
        for _ in range(3):
            engine.submit("Other")
        found = self.queues(engine, 6)
        assert all(a != b for a, b in itertools.pairwise(found)), found

    def test_turns_count_runs_of_any_level(self, engine: Engine) -> None:
        engine.submit("Other", priority=5)
        engine.submit("Noop")
        engine.submit("Other")
        assert self.queues(engine, 3) == ["Other:5", "Noop", "Other"]

    def test_a_type_that_may_not_start_gives_way(self, engine: Engine) -> None:
        engine.configure("Noop", rate="1000")
        engine.submit("Noop", priority=10)
        other = engine.submit("Other")
        assert engine.start("w1", self.BOTH).id == other
