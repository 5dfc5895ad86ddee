"""Guards that ended tasks vanish when their retention is over: without a trace, in bounded batches, and no others."""

import pytest

from broker.config import BrokerSettings
from broker.daemon.prune import Prune
from broker.tasks.failures import Failures
from tests.broker.engine.engine import SECOND, Engine

DAY = 86_400 * SECOND


def prune(engine: Engine, status: str, limit: int = 100) -> int:
    return engine.store.prune("Noop", status, retention_us=DAY, limit=limit)


def end(engine: Engine, status: str) -> str:
    task_id = engine.submit(unique_key=f"key-{status}", max_retries=1)
    if status == "cancelled":
        engine.store.cancel(task_id, "acme", force=False)
        return task_id
    engine.fail(engine.start(), delay=0)
    engine.promote()
    run = engine.start()
    engine.advance(2)
    engine.renew(run)
    engine.finish(run) if status == "completed" else engine.fail(run)
    return task_id


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_nothing_of_the_task_is_left(engine: Engine, status: str) -> None:
    task_id = end(engine, status)
    engine.advance(86_400 + 1)
    assert prune(engine, status) == 1
    traces = {key: value for key, value in engine.state().values.items() if task_id in key or task_id in str(value)}
    of_failures = {key for key in traces if key.startswith(engine.keys.failure("acme", ""))}
    assert traces.keys() - of_failures <= {"rq:worker:w1"}  # what it ran last
    assert [each.task_ids for each in Failures(engine.redis, engine.keys).page("acme")[0]] == [[] for _ in of_failures]
    durations = engine.redis.hgetall(engine.keys.durations("acme"))
    assert set(durations.values()) <= {"0"}
    engine.check()


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled"])
def test_until_then_it_can_be_read(engine: Engine, status: str) -> None:
    task_id = end(engine, status)
    engine.advance(86_400 - 1)
    assert prune(engine, status) == 0
    assert engine.task(task_id).status == status


def test_the_mean_duration_is_of_what_is_left(engine: Engine) -> None:
    for seconds in (5, 7):
        engine.submit()
        run = engine.start()
        engine.advance(seconds)
        engine.finish(run)
        engine.advance(50_000)
    engine.advance(86_400 - 60_000)
    assert prune(engine, "completed") == 1
    assert engine.queries.stats("acme", ["Noop"]).average_duration_seconds == 7
    engine.check()


def test_a_batch_is_bounded_and_oldest_first(engine: Engine) -> None:
    for _ in range(5):
        engine.submit()
        engine.advance(1)
        engine.finish(engine.start())
    engine.advance(90_000)
    assert prune(engine, "completed", limit=2) == 2
    assert [task.id for task in engine.queries.page("acme").tasks] == ["task-5", "task-4", "task-3"]
    assert prune(engine, "completed", limit=2) == 2
    assert prune(engine, "completed", limit=2) == 1
    engine.check()


def test_a_failed_task_that_was_retried_is_not_touched(engine: Engine) -> None:
    task_id = end(engine, "failed")
    engine.retry(task_id, force=True)
    engine.advance(90_000)
    assert prune(engine, "failed") == 0
    assert engine.task(task_id).status == "scheduled"


def test_what_is_unfinished_is_never_too_old(engine: Engine) -> None:
    engine.submit()
    engine.submit(delay_us=3 * DAY)
    engine.start()
    engine.submit()
    engine.advance(3 * 86_400)
    before = engine.state()
    assert [prune(engine, status) for status in ("completed", "failed", "cancelled")] == [0, 0, 0]
    assert engine.state() == before


def test_a_priority_is_pruned_as_its_own_queue(engine: Engine, settings: BrokerSettings) -> None:
    engine.submit(priority=7)
    engine.finish(engine.start())
    engine.advance(31 * 86_400)
    assert Prune(engine.store, engine.redis, engine.keys, settings).tick() == 60.0
    assert engine.queries.page("acme").total == 0
    engine.check()


def test_full_batches_are_followed_at_once(engine: Engine, settings: BrokerSettings) -> None:
    for _ in range(41):
        engine.store.cancel(engine.submit(), "acme", force=False)
    engine.advance(31 * 86_400)
    chore = Prune(engine.store, engine.redis, engine.keys, settings)
    left = [41]
    while (pause := chore.tick()) < 0.1:
        left.append(engine.queries.page("acme").total)
    assert pause == 60.0
    assert len(left) > 1 and left == sorted(set(left), reverse=True)
    assert engine.queries.page("acme").total == 0


def test_what_a_stock_worker_has_failed_is_left_to_the_audit(engine: Engine) -> None:
    """RQ's score lies a year ahead and ours ten: a task that nobody has run was removed as an old one."""
    task_id = engine.submit()
    engine.redis.lrem(engine.keys.rq_queue("Noop"), 1, task_id)
    engine.redis.hset(engine.keys.job(task_id), "status", "failed")
    engine.redis.zadd(engine.keys.registry("failed", "Noop"), {task_id: engine.now / SECOND + 31_536_000})
    assert prune(engine, "failed") == 0
    engine.reconcile.tick()
    assert engine.start().id == task_id


def test_tags_forget_what_a_foreign_hand_has_deleted(engine: Engine, settings: BrokerSettings) -> None:
    kept, gone, alone = engine.submit(tags='["red"]'), engine.submit(tags='["red"]'), engine.submit(tags='["blue"]')
    engine.redis.delete(engine.keys.job(gone), engine.keys.job(alone))
    chore = Prune(engine.store, engine.redis, engine.keys, settings)
    for _ in range(3):
        chore.tick()
    assert engine.redis.zrange(engine.keys.tagged("acme", "red"), 0, -1) == [kept]
    assert engine.redis.smembers(engine.keys.tags("acme")) == {"red"}
