"""Guards the good end of a run: all that must move moves at once, exactly once, and the next task comes along."""

import json

import pytest

from broker.engine.transitions import Claimed
from broker.tasks.task_fields import from_snapshot
from tests.broker.engine.engine import LEASE, NOTHING, SECOND, START, Engine, at, indexed, leased
from tests.invariants import changes

KEPT_SECONDS = 315_360_000


def test_a_finished_task_is_in_its_registry_and_nowhere_else(engine: Engine) -> None:
    engine.submit()
    engine.advance(1)
    run = engine.start()
    before = engine.state()
    engine.advance(0.5)
    assert engine.finish(run) == ("completed", NOTHING)
    assert changes(before, engine.state()) == {
        "job:task-1": {
            "status": ("started", "finished"),
            "lease": ("x1", "x1 completed"),
            "ended_at": (None, at(1.5)),
            "outcome": (None, '{"done":true}'),
        },
        "wip:Noop": {"task-1:x1": (leased(START + SECOND + LEASE), None)},
        "finished:Noop": {"task-1": (None, START / SECOND + 1.5 + KEPT_SECONDS)},
        "worker:w1": {"state": ("busy", "idle")},
        "broker:tasks:acme:Noop": {"task-1": (indexed("processing"), indexed("completed"))},
        "broker:durations:acme": {"Noop": (None, "500000")},
    }
    engine.check()


def test_the_records_of_a_long_run_go_with_it(engine: Engine) -> None:
    engine.submit()
    run = engine.start()
    engine.advance(1)
    engine.renew(run)
    assert engine.keys.execution(run.id, run.execution) in engine.state().values
    engine.finish(run)
    assert [key for key in engine.state().values if "execution" in key] == []


def test_success_clears_what_failures_left(engine: Engine) -> None:
    task_id = engine.submit()
    engine.fail(engine.start(), delay=0)
    engine.promote()
    engine.release(engine.start(), crashed=True)
    engine.finish(engine.start())
    task = engine.task(task_id)
    assert (task.error, task.retry_count, task.result) == (None, 1, {"done": True})
    assert [each["outcome"] for each in task.attempts] == ["failed", "lost"]
    assert engine.field(task_id, "crashes") is None
    assert engine.keys.results(task_id) not in engine.state().values


def test_the_next_task_comes_with_the_reply(engine: Engine) -> None:
    _, second = engine.submit(), engine.submit()
    run = engine.start()
    then = engine.by("w1")
    outcome, grant = engine.finish(run, then)
    assert (outcome, grant.id) == ("completed", second)
    assert engine.field(second, "lease") == then.execution
    engine.check()


def test_without_a_next_task_the_worker_is_asleep_before_it_knows(engine: Engine) -> None:
    engine.submit()
    assert engine.finish(engine.start(), engine.by("w1")) == ("completed", NOTHING)
    engine.submit()
    assert engine.woken() == ["w1"]


def test_a_repeat_is_told_the_same_outcome_and_the_same_next_task(engine: Engine) -> None:
    engine.submit()
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    first = engine.finish(run, then)
    before = engine.state()
    engine.advance(1)
    assert engine.finish(run, then) == first
    assert engine.state() == before


def test_a_repeat_gets_a_task_that_came_meanwhile(engine: Engine) -> None:
    engine.submit()
    run, then = engine.start(), engine.by("w1")
    assert engine.finish(run, then) == ("completed", NOTHING)
    late = engine.submit()
    outcome, grant = engine.finish(run, then)
    assert (outcome, grant.id) == ("completed", late)
    engine.check()


def test_what_the_run_learnt_is_merged_into_the_media_record(engine: Engine) -> None:
    engine.submit(media=["m1", "image", "0", "id", "m1", "info:kept", "1", "info:changed", "1"])
    engine.finish(engine.start(), media_id="m1", info=("info:changed", "2", "info:new", "3"))
    record = engine.redis.hgetall(engine.keys.media("m1"))
    assert (record["info:kept"], record["info:changed"], record["info:new"]) == ("1", "2", "3")


@pytest.mark.parametrize("info", [(), ("info:width", "3")])
def test_a_media_record_that_is_gone_does_not_come_back(engine: Engine, info: tuple[str, ...]) -> None:
    engine.submit()
    assert engine.finish(engine.start(), media_id="gone", info=info) == ("completed", NOTHING)
    assert engine.keys.media("gone") not in engine.state().values
    engine.check()


def test_nothing_learnt_changes_no_record(engine: Engine) -> None:
    engine.submit(media=["m1", "image", "0", "id", "m1"])
    record = engine.redis.hgetall(engine.keys.media("m1"))
    assert engine.finish(engine.start(), media_id="m1") == ("completed", NOTHING)
    assert engine.redis.hgetall(engine.keys.media("m1")) == record
    engine.check()


def test_no_duration_is_negative(engine: Engine) -> None:
    engine.submit()
    run = engine.start()
    engine.advance(-60)
    engine.finish(run)
    assert engine.redis.hgetall(engine.keys.durations("acme")) == {"Noop": "0"}


class TestEvents:
    """One event per terminal transition, for tenants that listen."""

    def outbox(self, engine: Engine) -> list[tuple[str, str]]:
        return [(entry["type"], entry["task"]) for entry in engine.state().values.get(engine.keys.outbox(), [])]

    @pytest.fixture
    def listening(self, engine: Engine) -> Engine:
        engine.redis.hset(engine.keys.listeners(), "acme:webhooks", "task.completed,task.failed,task.cancelled")
        return engine

    def test_each_end_is_announced_once(self, listening: Engine) -> None:
        engine = listening
        for _ in range(3):
            engine.submit()
        good, bad = engine.start(), engine.start()
        for _ in range(2):
            engine.finish(good)
            engine.fail(bad)
            engine.store.cancel("task-3", "acme", force=False)
        ends = [("task.completed", "task-1"), ("task.failed", "task-2"), ("task.cancelled", "task-3")]
        assert self.outbox(engine) == ends
        engine.retry("task-2")
        assert self.outbox(engine) == ends
        engine.promote()
        engine.finish(engine.start())
        assert self.outbox(engine) == [*ends, ("task.completed", "task-2")]

    def test_poison_is_an_end(self, listening: Engine) -> None:
        listening.submit()
        for _ in range(3):
            listening.release(listening.start(), crashed=True)
        assert self.outbox(listening) == [("task.failed", "task-1")]

    def test_a_failure_that_is_tried_again_is_none(self, listening: Engine) -> None:
        listening.submit()
        listening.fail(listening.start(), delay=1)
        listening.promote()
        assert self.outbox(listening) == []

    def test_nobody_listens_nothing_is_kept(self, engine: Engine) -> None:
        engine.submit(tenant="other")
        engine.finish(engine.start())
        assert self.outbox(engine) == []

    def test_an_event_tells_when_and_carries_the_task_as_it_was_then(self, listening: Engine) -> None:
        listening.submit()
        listening.advance(1)
        listening.fail(listening.start())
        then = listening.task("task-1")
        listening.retry("task-1")
        (entry,) = listening.state().values[listening.keys.outbox()]
        assert (entry["type"], entry["at"]) == ("task.failed", at(1))
        assert from_snapshot(entry["task"], entry) == then
        assert listening.task("task-1") != then

    def test_a_start_is_announced_to_those_who_want_to_know(self, listening: Engine) -> None:
        listening.submit()
        listening.release(listening.start())
        assert self.outbox(listening) == []
        listening.redis.hset(listening.keys.listeners(), "acme:webhooks", "task.processing")
        listening.finish(listening.start())
        assert self.outbox(listening) == [("task.processing", "task-1")]


def test_the_answer_is_kept_as_it_was_given(engine: Engine) -> None:
    task_id = engine.submit()
    run = engine.start()
    answer = {"text": 'naïve ✓ \u0000 "quoted"', "list": [1, 2.5, None, True], "empty": {}}
    engine.store.finish(run.id, run.execution, json.dumps(answer, ensure_ascii=False), engine.no_more())
    assert engine.task(task_id).result == answer


def test_a_worker_that_wants_no_more_gets_no_more(engine: Engine) -> None:
    engine.submit()
    engine.submit()
    run = engine.start()
    assert engine.finish(run) == ("completed", NOTHING)
    assert engine.state().values.get(engine.keys.idle("Noop")) is None
    assert isinstance(engine.claim("w2"), Claimed)
