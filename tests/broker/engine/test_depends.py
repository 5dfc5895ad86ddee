"""Guards tasks that depend on others: each is released, or cancelled, by the end of the last, whatever that is."""

from collections.abc import Callable

import pytest
from redis import Redis
from rq.job import Job

from broker.engine.keys import Keys
from broker.status import Status
from broker.tasks.task_filters import Wanted
from tests.broker.engine.engine import LEASE, SECOND, Engine, at

NEVER = 2**53 - 1


def end_well(engine: Engine, task_id: str) -> None:
    run = engine.start()
    assert run.id == task_id
    engine.finish(run)


def fail(engine: Engine, task_id: str) -> None:
    run = engine.start()
    assert run.id == task_id
    engine.fail(run)


def cancel(engine: Engine, task_id: str) -> None:
    assert engine.store.cancel(task_id, "acme", force=False) == "pending"


def cancel_running(engine: Engine, task_id: str) -> None:
    engine.start()
    assert engine.store.cancel(task_id, "acme", force=True) == "processing"


def poison(engine: Engine, task_id: str) -> None:
    for _ in range(3):
        engine.release(engine.start(), crashed=True)


def reap_as_poison(engine: Engine, task_id: str) -> None:
    engine.redis.hset(engine.keys.job(task_id), "crashes", 2)
    engine.reap()
    engine.start()
    engine.reap_later(LEASE / SECOND + 1)


def delete(engine: Engine, task_id: str) -> None:
    engine.redis.delete(engine.keys.job(task_id))
    engine.redis.lrem(engine.keys.rq_queue("Noop"), 0, task_id)
    engine.reconcile.tick()


def cancel_there(engine: Engine, task_id: str) -> None:
    engine.redis.lrem(engine.keys.rq_queue("Noop"), 0, task_id)
    engine.redis.hset(engine.keys.job(task_id), "status", "canceled")
    engine.reconcile.tick()


BADLY: dict[Callable[[Engine, str], None], str] = {
    fail: "failed: boom",
    cancel: "was cancelled",
    cancel_running: "was cancelled",
    poison: "failed: It died (3 times in a row; it is not tried again)",
    reap_as_poison: "failed: The worker running this task was lost (3 times in a row; it is not tried again)",
    delete: "was deleted",
    cancel_there: "was cancelled",
}


def test_it_waits_and_says_what_for(engine: Engine) -> None:
    first, second = engine.submit(), engine.submit()
    third = engine.link(first, second)
    task = engine.task(third)
    assert (task.status, task.scheduled_at, task.on_failure) == ("scheduled", None, "cancel")
    assert task.depends_on == task.waiting_for == [first, second]
    engine.check()
    end_well(engine, first)
    assert engine.task(third).waiting_for == [second]
    assert engine.task(third).status == "scheduled"
    engine.check()
    end_well(engine, second)
    task = engine.task(third)
    assert (task.status, task.waiting_for, task.depends_on) == ("pending", [], [first, second])
    engine.check()
    end_well(engine, third)
    engine.check()


def test_it_is_not_promoted_while_it_waits(engine: Engine) -> None:
    engine.link(engine.submit())
    engine.advance(10 * 365 * 86400)
    moved, wait = engine.promote()
    assert moved == 0
    assert wait > 86400 * SECOND


@pytest.mark.parametrize("end", BADLY)
def test_another_end_cancels_it_and_says_why(engine: Engine, end: Callable[[Engine, str], None]) -> None:
    first = engine.submit()
    second = engine.link(first)
    third = engine.link(second)
    end(engine, first)
    for each in (second, third):
        task = engine.task(each)
        why = f"Cancelled because a task that it depends on did not complete: task {first} {BADLY[end]}"
        assert (task.status, task.error, task.waiting_for) == ("cancelled", why, [])
        assert task.completed_at
    engine.check()


@pytest.mark.parametrize("end", BADLY)
def test_any_end_lets_it_run_if_it_asked_for_that(engine: Engine, end: Callable[[Engine, str], None]) -> None:
    first = engine.submit()
    second = engine.link(first, on_failure="run")
    end(engine, first)
    assert engine.task(second).status == "pending"
    assert engine.waiting() == [second]
    engine.check()


def test_a_retry_is_no_end(engine: Engine) -> None:
    first = engine.submit()
    second = engine.link(first)
    engine.fail(engine.start(), delay=5)
    assert engine.task(second).status == "scheduled"
    engine.advance(5)
    engine.promote()
    end_well(engine, first)
    assert engine.task(second).status == "pending"
    engine.check()


def test_what_has_ended_before_counts_at_once(engine: Engine) -> None:
    first, second = engine.submit(), engine.submit()
    end_well(engine, first)
    assert engine.task(engine.link(first)).status == "pending"
    third = engine.link(first, second)
    assert engine.task(third).waiting_for == [second]
    engine.check()


@pytest.mark.parametrize("end", [fail, cancel])
def test_what_has_not_completed_cancels_a_later_one_as_an_earlier(
    engine: Engine, end: Callable[[Engine, str], None]
) -> None:
    """It makes no difference which came first, the end or the submission."""
    first = engine.submit()
    before = engine.link(first)
    end(engine, first)
    after, run = engine.link(first), engine.link(first, on_failure="run")
    both = [engine.task(each) for each in (before, after)]
    assert [task.status for task in both] == ["cancelled", "cancelled"]
    assert both[0].error == both[1].error
    assert engine.task(run).status == "pending"
    engine.check()


def test_one_that_waits_for_others_too_is_cancelled_at_the_first_bad_end(engine: Engine) -> None:
    first, second = engine.submit(), engine.submit()
    third = engine.link(first, second)
    fail(engine, first)
    assert engine.task(third).status == "cancelled"
    end_well(engine, second)
    assert engine.task(third).status == "cancelled"
    engine.check()


def test_a_time_and_others_are_waited_for_both(engine: Engine) -> None:
    first = engine.submit()
    late, soon = engine.link(first, delay_us=9 * SECOND), engine.link(first, due_us=engine.now + SECOND)
    assert engine.task(late).scheduled_at == at(9)
    engine.advance(2)
    engine.promote()
    assert engine.task(soon).status == "scheduled"
    end_well(engine, first)
    assert engine.task(soon).status == "pending"
    assert engine.task(late).status == "scheduled"
    engine.check()
    engine.advance(7)
    engine.promote()
    assert engine.task(late).status == "pending"
    engine.check()


def test_a_retry_by_hand_brings_nothing_back(engine: Engine) -> None:
    first = engine.submit()
    second = engine.link(first)
    fail(engine, first)
    engine.retry(first)
    engine.promote()
    third = engine.link(first)
    engine.check()
    end_well(engine, first)
    assert engine.task(second).status == "cancelled"
    assert engine.task(third).status == "pending"
    engine.check()


def test_its_owner_cancels_one_that_waits(engine: Engine) -> None:
    first = engine.submit()
    second = engine.link(first)
    third = engine.link(second)
    assert engine.store.cancel(second, "acme", force=False) == "scheduled"
    assert engine.task(second).waiting_for == []
    assert "task task-2 was cancelled" in str(engine.task(third).error)
    engine.check()
    end_well(engine, first)
    assert engine.task(second).status == "cancelled"
    engine.check()


def test_what_cannot_be_depended_on_is_named_and_nothing_stored(engine: Engine) -> None:
    mine, theirs = engine.submit(), engine.submit(tenant="other")
    before = engine.state()
    for unknown in (theirs, "nobody"):
        answer = engine.try_submit_linked({}, {"depends_on": [mine, unknown], "unique_key": "k", "flow": "f"})
        assert answer == [-2, 1, 1]
        assert engine.state() == before


def test_it_cannot_depend_on_itself_or_on_what_comes_later(engine: Engine) -> None:
    """So no circle can be made."""
    assert engine.try_submit_linked({"id": "a", "depends_on": ["a"]}) == [-2, 0, 0]
    assert engine.try_submit_linked({"id": "a", "depends_on": ["b"]}, {"id": "b"}) == [-2, 0, 0]
    assert engine.try_submit_linked({"id": "a"}, {"id": "b", "depends_on": ["a"]})[0] == 1
    assert engine.try_submit_linked({"id": "a", "depends_on": ["b"]})[2:] == [0, "a"]
    assert engine.task("a").depends_on == []
    engine.check()


def test_a_batch_may_depend_on_what_comes_earlier_in_it(engine: Engine) -> None:
    held = engine.submit(unique_key="k")
    fail_first = engine.submit()
    engine.start("w2")
    fail(engine, fail_first)
    engine.try_submit_linked(
        {"id": "a"},
        {"id": "b", "depends_on": ["a"]},
        {"id": "c", "unique_key": "k"},
        {"id": "d", "depends_on": ["c", "a"]},
        {"id": "e", "depends_on": [fail_first]},
        {"id": "f", "depends_on": ["e"]},
    )
    assert engine.task("b").waiting_for == ["a"]
    assert engine.task("d").waiting_for == [held, "a"]
    assert [engine.task(each).status for each in "ef"] == ["cancelled", "cancelled"]
    engine.check()
    end_well(engine, "a")
    assert engine.waiting() == ["b"]
    engine.check()


def test_a_full_type_refuses_those_that_wait_too(engine: Engine) -> None:
    first = engine.submit()
    engine.link(first)
    assert engine.try_submit_linked({"depends_on": [first]}, max_pending=2) == [-1, 2, "Noop"]


def test_a_foreign_hand_that_enqueues_it_has_its_way(engine: Engine) -> None:
    first = engine.submit()
    second = engine.link(first)
    engine.redis.hset(engine.keys.job(second), "status", "queued")
    engine.redis.zrem(engine.keys.registry("scheduled", "Noop"), second)
    engine.redis.rpush(engine.keys.rq_queue("Noop"), second)
    engine.reconcile.tick()
    assert engine.task(second).status == "pending"
    assert engine.task(second).waiting_for == []
    engine.check()
    end_well(engine, first)
    assert engine.waiting() == [second]
    engine.check()


def test_a_foreign_hand_that_takes_it_off_the_schedule_changes_nothing(engine: Engine) -> None:
    first = engine.submit()
    second = engine.link(first)
    engine.redis.zrem(engine.keys.due(), second)
    engine.redis.zrem(engine.keys.registry("scheduled", "Noop"), second)
    engine.reconcile.tick()
    assert engine.redis.zscore(engine.keys.due(), second) == NEVER
    engine.check()


def test_rq_deletes_one_that_waits_and_one_that_is_waited_for(redis_url: str) -> None:
    with Redis.from_url(redis_url, decode_responses=True) as redis, Redis.from_url(redis_url) as raw:
        engine = Engine(redis, Keys("rq"))
        engine.declare()
        first = engine.submit()
        second, third = engine.link(first), engine.link(first, on_failure="run")
        fourth = engine.link(second, on_failure="run")
        Job.fetch(second, connection=raw).delete()
        engine.reconcile.tick()
        assert engine.task(fourth).status == "pending"
        Job.fetch(first, connection=raw).delete()
        engine.reconcile.tick()
        assert engine.task(third).status == "pending"
        engine.check()


class TestMany:
    """What follows from one end is done in slices, the first by the script that makes the end."""

    def test_a_fan_out(self, engine: Engine) -> None:
        first = engine.submit()
        ids = []
        for _ in range(13):
            engine.advance(0.001)
            ids.append(engine.link(first))
        end_well(engine, first)
        assert engine.waiting() == ids[:5]
        engine.check()
        engine.store.settle(5)
        assert engine.waiting() == ids[:10]
        engine.check()
        engine.settle()
        assert engine.waiting() == ids
        engine.check()

    def test_a_chain(self, engine: Engine) -> None:
        ids = [engine.submit()]
        for _ in range(12):
            ids.append(engine.link(ids[-1]))
        fail(engine, ids[0])
        assert sum(engine.task(each).status == "cancelled" for each in ids) == 5
        engine.check()
        engine.settle()
        assert {engine.task(each).error for each in ids[1:]} == {
            f"Cancelled because a task that it depends on did not complete: task {ids[0]} failed: boom"
        }
        engine.check()

    def test_what_is_retried_meanwhile_is_depended_on_anew(self, engine: Engine) -> None:
        first = engine.submit()
        old = [engine.link(first) for _ in range(12)]
        fail(engine, first)
        engine.retry(first)
        new = engine.link(first)
        engine.check()
        engine.settle()
        assert {engine.task(each).status for each in old} == {"cancelled"}
        assert engine.task(new).status == "scheduled"
        engine.promote()
        end_well(engine, first)
        assert engine.task(new).status == "pending"
        engine.check()

    def test_many_that_come_too_late(self, engine: Engine) -> None:
        first = engine.submit()
        fail(engine, first)
        engine.try_submit_linked(*[{"depends_on": [first]} for _ in range(12)])
        engine.check()
        engine.settle()
        assert engine.queries.page("acme", Wanted(statuses=(Status.CANCELLED,))).total == 12
        engine.check()

    def test_many_ends_in_one_script_share_what_it_may_do(self, engine: Engine) -> None:
        ids = [engine.submit() for _ in range(8)]
        later = [engine.link(each) for each in ids for _ in range(4)]
        for each in ids:
            engine.redis.delete(engine.keys.job(each))
        engine.redis.delete(engine.keys.rq_queue("Noop"))
        engine.reconcile.tick()
        cancelled = sum(engine.task(each).status == "cancelled" for each in later)
        assert cancelled == 5
        engine.check()
        engine.settle()
        assert {engine.task(each).status for each in later} == {"cancelled"}
        engine.check()


def test_pruning_takes_nothing_from_those_that_wait(engine: Engine) -> None:
    first, second = engine.submit(), engine.submit()
    third = engine.link(first, second)
    end_well(engine, first)
    engine.advance(1000)
    assert engine.store.prune("Noop", "completed", retention_us=SECOND) == 1
    assert engine.task(third).waiting_for == [second]
    end_well(engine, second)
    engine.advance(1000)
    engine.store.prune("Noop", "completed", retention_us=SECOND)
    assert engine.task(third).status == "pending"
    engine.check()


def test_a_task_that_has_to_do_with_no_other_pays_nothing(redis_url: str) -> None:
    """Its life takes no more commands beside one that has."""
    with Redis.from_url(redis_url, decode_responses=True) as redis:
        engine = Engine(redis, Keys("rq"))
        engine.declare()

        engine.submit()

        def commands() -> int:
            redis.config_resetstat()
            engine.submit(priority=5)
            engine.finish(engine.start())
            counted = redis.info("commandstats")
            return sum(each["calls"] for name, each in counted.items() if "config" not in name)

        commands()
        before = commands()
        engine.link(engine.submit(), flow="f")
        assert commands() == before
