"""Guards that RQ's own hands may do what they like: within a second our places agree with what they left.

The truth is: deleted or emptied there is gone, requeued there is pending with its retries unchanged, cancelled there is
cancelled; what only we can do and did not do never happened.
"""

import os
import time
from collections.abc import Callable, Iterator

import pytest
from redis import Redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.suspension import resume, suspend

from broker.daemon.reconcile import Reconcile
from broker.errors import NotFound
from broker.rq_records import STRANGERS
from tests.broker.engine.engine import LEASE, NOTHING, Engine, put_in_state

pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)

REGISTRIES = {
    "completed": FinishedJobRegistry,
    "failed": FailedJobRegistry,
    "cancelled": CanceledJobRegistry,
    "scheduled": ScheduledJobRegistry,
    "processing": StartedJobRegistry,
}
STATES = ["pending", *REGISTRIES]


@pytest.fixture
def raw(redis_url: str) -> Iterator[Redis]:
    """RQ's own connection."""
    with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def engine(engine: Engine) -> Engine:
    """On a clock near RQ's, which is this machine's."""
    engine.now = time.time_ns() // 1000
    engine.reap()
    return engine


def job(engine: Engine, raw: Redis, task_id: str) -> Job:
    return Job.fetch(task_id, connection=raw)


def is_gone(engine: Engine, task_id: str) -> bool:
    with pytest.raises(NotFound):
        engine.task(task_id)
    engine.check(exact_durations=False)
    return engine.queries.page("acme").total == engine.queries.stats("acme", ["Noop"]).total == 0


def test_nothing_changed_nothing_is_written(engine: Engine) -> None:
    for state in STATES:
        put_in_state(engine, state)
        put_in_state(engine, state, priority=3)
    before = engine.state()
    engine.reconcile.tick()
    assert engine.state() == before


class TestDelete:
    @pytest.mark.parametrize("priority", [0, 4, -1])
    @pytest.mark.parametrize("state", STATES)
    def test_a_deleted_task_is_gone(self, engine: Engine, raw: Redis, state: str, priority: int) -> None:
        task_id = put_in_state(engine, state, priority)
        job(engine, raw, task_id).delete()
        engine.reap_later(6)
        engine.reconcile.tick()
        assert is_gone(engine, task_id)

    def test_deleted_while_running_the_run_is_stopped(self, engine: Engine, raw: Redis) -> None:
        engine.submit()
        run = engine.start()
        engine.renew(run)
        job(engine, raw, run.id).delete()
        assert engine.renew(run) == [run.execution]
        engine.reconcile.tick()
        assert is_gone(engine, run.id)
        assert engine.finish(run)[0] == "stale"
        assert is_gone(engine, run.id)

    def test_a_slot_of_a_deleted_run_is_free(self, engine: Engine, raw: Redis) -> None:
        engine.configure(concurrency="1")
        engine.submit()
        run = engine.start()
        engine.renew(run)
        second = engine.submit()
        engine.claim("w2")
        job(engine, raw, run.id).delete()
        engine.reconcile.tick()
        assert engine.woken() == ["w2"]
        assert engine.start("w2").id == second

    def test_the_mean_duration_stays_what_it_was(self, engine: Engine, raw: Redis) -> None:
        ids = []
        for seconds in (2, 4, 9):
            ids.append(engine.submit())
            run = engine.start()
            engine.advance(seconds)
            engine.finish(run)
        job(engine, raw, ids[1]).delete()
        engine.reconcile.tick()
        assert engine.queries.stats("acme", ["Noop"]).average_duration_seconds == 5
        for task_id in (ids[0], ids[2]):
            job(engine, raw, task_id).delete()
        engine.reconcile.tick()
        assert engine.queries.stats("acme", ["Noop"]).average_duration_seconds is None
        engine.check()


class TestEmpty:
    def test_an_emptied_queue(self, engine: Engine, raw: Redis) -> None:
        ids = [put_in_state(engine, "pending", priority=2) for _ in range(3)]
        Queue("Noop:2", connection=raw).empty()
        engine.reconcile.tick()
        assert all(is_gone(engine, task_id) for task_id in ids)

    def test_beside_a_long_queue_no_list_is_searched(self, engine: Engine, raw: Redis) -> None:
        """Looking for each of thousands of ids in a list of a hundred thousand held the daemon for minutes."""
        waiting = [put_in_state(engine, "pending") for _ in range(50)]
        ids = [put_in_state(engine, "pending", priority=2) for _ in range(120)]
        Queue("Noop:2", connection=raw).empty()
        raw.config_resetstat()
        engine.reconcile.tick()
        assert {f"cmdstat_{name}" for name in ("lrem", "lpos")} & raw.info("commandstats").keys() == set()
        engine.check()
        assert {task.id for task in engine.queries.page("acme", limit=100).tasks} == set(waiting)
        assert all(not raw.exists(engine.keys.job(task_id)) for task_id in ids)

    def test_it_is_mended_in_slices_and_what_comes_in_between_is_let_alone(self, engine: Engine, raw: Redis) -> None:
        ids = [put_in_state(engine, "pending", priority=2) for _ in range(250)]
        Queue("Noop:2", connection=raw).empty()
        reconcile = Reconcile(engine.redis, engine.keys, clock="clock_test", slice_seconds=0)
        slices, new = 0, []
        while reconcile.tick() == 0:
            slices += 1
            new.append(put_in_state(engine, "pending", priority=2))
        assert slices >= 3, "a hundred tasks a step"
        engine.check()
        assert {task.id for task in engine.queries.page("acme", limit=100).tasks} == set(new)
        assert not set(new) & set(ids)

    def test_a_deleted_queue(self, engine: Engine, raw: Redis) -> None:
        ids = [put_in_state(engine, "pending"), put_in_state(engine, "pending")]
        Queue("Noop", connection=raw).delete(delete_jobs=True)
        engine.reconcile.tick()
        assert all(is_gone(engine, task_id) for task_id in ids)

    @pytest.mark.parametrize("state", REGISTRIES)
    def test_an_emptied_registry(self, engine: Engine, raw: Redis, state: str) -> None:
        """As the dashboard does it: every job of the registry is deleted."""
        ids = [put_in_state(engine, state), put_in_state(engine, state)]
        registry = REGISTRIES[state]("Noop", connection=raw)
        for task_id in registry.get_job_ids():
            job(engine, raw, task_id).delete()
        engine.reap_later(6)
        engine.reconcile.tick()
        assert all(is_gone(engine, task_id) for task_id in ids)

    def test_a_queue_deleted_without_its_jobs_is_filled_again(self, engine: Engine, raw: Redis) -> None:
        ids = [put_in_state(engine, "pending"), put_in_state(engine, "pending")]
        Queue("Noop", connection=raw).delete(delete_jobs=False)
        engine.reconcile.tick()
        assert sorted(engine.waiting()) == sorted(ids)
        engine.check()


class TestRequeue:
    def test_a_requeued_task_is_pending_with_its_retries_unchanged(self, engine: Engine, raw: Redis) -> None:
        task_id = engine.submit(priority=3, max_retries=1)
        engine.fail(engine.start(), delay=0)
        engine.promote()
        engine.fail(engine.start())
        job(engine, raw, task_id).requeue()
        assert engine.task(task_id).status == "pending"  # a read answers the truth at once
        engine.reconcile.tick()
        task = engine.task(task_id)
        assert (task.status, task.retry_count, task.priority) == ("pending", 1, 3)
        assert (task.started_at, task.completed_at) == (None, None)
        engine.check()
        assert engine.start().id == task_id
        engine.check()

    def test_all_of_a_registry(self, engine: Engine, raw: Redis) -> None:
        ids = [put_in_state(engine, "failed") for _ in range(3)]
        registry = FailedJobRegistry("Noop", connection=raw)
        for task_id in registry.get_job_ids():
            registry.requeue(task_id)
        engine.reconcile.tick()
        engine.check()
        assert {engine.start(f"w{n}").id for n in range(3)} == set(ids)

    def test_claimed_before_the_audit_sees_it(self, engine: Engine, raw: Redis) -> None:
        task_id = put_in_state(engine, "failed")
        put_in_state(engine, "pending")  # the queue is known to hold something
        job(engine, raw, task_id).requeue()
        runs = [engine.start("w1"), engine.start("w2")]
        assert runs[1].id == task_id
        engine.check()
        engine.reconcile.tick()
        engine.finish(runs[1])
        assert engine.task(task_id).status == "completed"
        engine.check()

    def test_a_completed_task_loses_its_result(self, engine: Engine, raw: Redis) -> None:
        task_id = put_in_state(engine, "completed")
        FinishedJobRegistry("Noop", connection=raw).requeue(task_id)
        engine.reconcile.tick()
        assert (engine.task(task_id).status, engine.task(task_id).result) == ("pending", None)
        engine.check()

    def test_poison_starts_a_new_row_of_crashes(self, engine: Engine, raw: Redis) -> None:
        task_id = engine.submit()
        for _ in range(3):
            engine.release(engine.start(), crashed=True)
        job(engine, raw, task_id).requeue()
        engine.reconcile.tick()
        assert engine.release(engine.start(), crashed=True) == "pending"

    def test_it_takes_its_unique_key_again(self, engine: Engine, raw: Redis) -> None:
        task_id = engine.submit(unique_key="k")
        engine.fail(engine.start())
        job(engine, raw, task_id).requeue()
        engine.reconcile.tick()
        assert engine.try_submit(unique_key="k") == (0, task_id)
        engine.check()

    def test_a_running_task_put_back_is_run_once_more_and_the_run_is_fenced(self, engine: Engine, raw: Redis) -> None:
        engine.submit()
        run = engine.start()
        engine.renew(run)
        Queue("Noop", connection=raw).enqueue_job(job(engine, raw, run.id))
        assert engine.renew(run) == [run.execution]
        engine.reconcile.tick()
        engine.check()
        again = engine.start("w2")
        assert again.id == run.id
        assert engine.finish(run)[0] == "stale"
        assert engine.finish(again)[0] == "completed"
        engine.check()

    def test_a_running_task_put_back_and_claimed_before_the_audit(self, engine: Engine, raw: Redis) -> None:
        engine.submit()
        run = engine.start()
        put_in_state(engine, "pending")
        Queue("Noop", connection=raw).enqueue_job(job(engine, raw, run.id))
        engine.start("w2")
        again = engine.start("w3")
        assert again.id == run.id
        engine.reconcile.tick()
        engine.check()
        assert engine.finish(again)[0] == "completed"
        engine.check()

    def test_it_wakes_a_worker(self, engine: Engine, raw: Redis) -> None:
        task_id = put_in_state(engine, "failed")
        engine.claim("w1")
        job(engine, raw, task_id).requeue()
        engine.reconcile.tick()
        assert engine.woken() == ["w1"]

    def test_listed_twice_it_runs_once(self, engine: Engine) -> None:
        task_id = put_in_state(engine, "pending")
        engine.redis.rpush(engine.keys.rq_queue("Noop"), task_id)
        engine.reconcile.tick()
        assert engine.waiting() == [task_id]
        engine.check()

    def test_listed_where_it_does_not_belong(self, engine: Engine) -> None:
        task_id = put_in_state(engine, "pending")
        engine.redis.rpush(engine.keys.rq_queue("Noop:5"), task_id)
        engine.reconcile.tick()
        assert (engine.waiting(), engine.waiting("Noop:5")) == ([task_id], [])
        engine.check()


class TestCancel:
    @pytest.mark.parametrize("beaten", [False, True])
    @pytest.mark.parametrize("state", ["pending", "scheduled", "processing", "failed"])
    def test_a_cancelled_task_is_cancelled(self, engine: Engine, raw: Redis, state: str, beaten: bool) -> None:
        engine.redis.hset(engine.keys.listeners(), "acme:webhooks", "task.cancelled,task.completed,task.failed")
        task_id = put_in_state(engine, state)
        if state == "processing" and beaten:
            lease = engine.field(task_id, "lease") or ""
            assert engine.store.renew([("w1", task_id, lease, "")], lease_us=LEASE, worker_ttl=30) == []
        engine.redis.delete(engine.keys.outbox())
        job(engine, raw, task_id).cancel()
        for _ in range(2):
            engine.reconcile.tick()
        assert engine.task(task_id).status == "cancelled"
        assert engine.task(task_id).completed_at is not None
        assert [each["type"] for each in engine.state().values[engine.keys.outbox()]] == ["task.cancelled"]
        engine.check()

    def test_it_gives_up_its_unique_key(self, engine: Engine, raw: Redis) -> None:
        task_id = engine.submit(unique_key="k")
        job(engine, raw, task_id).cancel()
        engine.reconcile.tick()
        assert engine.submit(unique_key="k") != task_id

    def test_a_running_one_is_stopped(self, engine: Engine, raw: Redis) -> None:
        engine.submit()
        run = engine.start()
        job(engine, raw, run.id).cancel()
        engine.reconcile.tick()
        assert engine.renew(run) == [run.execution]
        assert engine.finish(run)[0] == "stale"
        engine.check()


class TestRegistryEntries:
    @pytest.mark.parametrize("state", REGISTRIES)
    def test_one_that_was_taken_out_is_put_back(self, engine: Engine, state: str) -> None:
        task_id = put_in_state(engine, state)
        engine.redis.delete(engine.keys.shares("Noop"))  # which may go with the last task, or later
        before = engine.state()
        for registry in ("finished", "failed", "canceled", "scheduled", "wip"):
            engine.redis.delete(engine.keys.registry(registry, "Noop"))
        engine.reconcile.tick()
        assert engine.task(task_id).status == state
        engine.check()
        assert engine.state().values.keys() == before.values.keys()

    @pytest.mark.parametrize("wrong", ["finished", "failed", "canceled", "scheduled"])
    def test_one_that_does_not_belong_is_taken_out(self, engine: Engine, wrong: str) -> None:
        put_in_state(engine, "pending")
        engine.redis.zadd(engine.keys.registry(wrong, "Noop"), {"task-1": 10**10})
        engine.reconcile.tick()
        engine.check()
        assert engine.task("task-1").status == "pending"

    @pytest.mark.parametrize("registry", REGISTRIES.values())
    def test_rqs_own_clean_up_cleans_nothing_of_ours(
        self, engine: Engine, raw: Redis, registry: type[BaseRegistry]
    ) -> None:
        for state in STATES:
            put_in_state(engine, state)
        before = engine.state()
        found = registry("Noop", connection=raw)
        assert found.count == len(found.get_job_ids()) == 1  # both clean up first
        assert engine.state() == before


class TestStockWorker:
    def test_what_it_takes_comes_back(self, engine: Engine, raw: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(SimpleWorker, "_install_signal_handlers", lambda _: None)  # nobody would take them back
        first, second = engine.submit(), engine.submit(priority=2)
        SimpleWorker(["Noop", "Noop:2"], connection=raw).work(burst=True, logging_level="CRITICAL")
        assert {engine.task(task_id).status for task_id in (first, second)} == {"failed"}
        engine.reconcile.tick()
        for task_id in (second, first):
            task = engine.task(task_id)
            assert (task.status, task.retry_count, task.attempts) == ("pending", 0, [])
            run = engine.start()
            assert run.id == task_id
            assert engine.finish(run)[0] == "completed"
        engine.check()

    def test_what_it_is_at_is_left_to_it_for_a_moment(self, engine: Engine, raw: Redis) -> None:
        task_id = engine.submit()
        engine.redis.lpop(engine.keys.rq_queue("Noop"))
        engine.redis.hset(
            engine.keys.job(task_id), mapping={"status": "started", "started_at": engine.task(task_id).created_at}
        )
        engine.redis.zadd(engine.keys.registry("wip", "Noop"), {f"{task_id}:theirs": 10**10})
        engine.advance(1)
        engine.reconcile.tick()
        assert engine.task(task_id).status == "processing"
        engine.advance(2)
        engine.reconcile.tick()
        assert engine.task(task_id).status == "pending"
        engine.check()

    def test_suspension_is_honoured(self, engine: Engine, raw: Redis) -> None:
        engine.submit()
        suspend(raw)
        assert engine.claim() == NOTHING
        resume(raw)
        engine.reap()
        assert engine.woken() == ["w1"]
        engine.start("w1")


class TestStrangers:
    """Jobs of other programs in our queues: they are set aside where their owner finds them."""

    @pytest.mark.parametrize("finder", ["reconciler", "claim"])
    def test_a_job_is_put_into_a_queue_of_its_own(
        self, engine: Engine, raw: Redis, caplog: pytest.LogCaptureFixture, finder: str
    ) -> None:
        first = engine.submit()
        theirs = Queue("Noop", connection=raw).enqueue("os.getpid")
        mine = engine.submit()
        assert engine.start("w2").id == first
        if finder == "claim":
            assert engine.start().id == mine
        else:
            engine.reconcile.tick()
            assert engine.waiting() == [mine]
            assert theirs.id in caplog.text
        assert Queue(STRANGERS, connection=raw).job_ids == [theirs.id]
        worker = SimpleWorker([Queue(STRANGERS, connection=raw)], connection=raw)
        worker.work(burst=True)
        assert job(engine, raw, theirs.id).return_value() == os.getpid(), "a stock worker can run it"
        engine.reconcile.tick()

    def test_one_that_failed_elsewhere_stays_where_its_owner_looks(self, engine: Engine, raw: Redis) -> None:
        theirs = Queue("Noop", connection=raw).enqueue("os.nothing")
        SimpleWorker([Queue("Noop", connection=raw)], connection=raw).work(burst=True)
        engine.reconcile.tick()
        assert theirs.id in FailedJobRegistry(STRANGERS, connection=raw).get_job_ids()
        assert theirs.id not in FailedJobRegistry("Noop", connection=raw).get_job_ids()


def test_a_claim_drops_a_bounded_number_of_ids_without_a_task(engine: Engine) -> None:
    """A million of them held the server for seconds."""
    task_id = engine.submit()
    queue = engine.keys.rq_queue("Noop")
    engine.redis.lpush(queue, *[f"gone-{number}" for number in range(1500)])
    assert engine.start().id == task_id
    assert engine.redis.llen(queue) == 500


@pytest.mark.parametrize("word", ["stopped", "deferred", "nonsense"])
def test_a_status_that_we_do_not_know_is_pending(engine: Engine, word: str) -> None:
    task_id = put_in_state(engine, "failed")
    engine.redis.hset(engine.keys.job(task_id), "status", word)
    engine.redis.delete(engine.keys.registry("failed", "Noop"))
    assert engine.task(task_id).status == "pending"
    engine.reconcile.tick()
    assert engine.waiting() == [task_id]
    engine.check()


def test_a_dead_workers_name_is_forgotten(engine: Engine) -> None:
    engine.store.register_worker("w1", ttl=30, queues="Noop,Other", fields={"pid": 1})
    engine.store.register_worker("w2", ttl=30, queues="Noop", fields={"pid": 2})
    engine.declare("Other")
    engine.redis.delete(engine.keys.worker("w1"))
    engine.reconcile.tick()
    for key in (engine.keys.workers(), engine.keys.registry("workers", "Noop")):
        assert engine.redis.smembers(key) == {engine.keys.worker("w2")}
    assert not engine.redis.exists(engine.keys.registry("workers", "Other"))


Hand = Callable[[Job], object]


@pytest.mark.parametrize("hands", [(Job.requeue, Job.delete), (Job.cancel, Job.delete), (Job.requeue, Job.cancel)])
def test_several_hands_between_two_audits(engine: Engine, raw: Redis, hands: tuple[Hand, Hand]) -> None:
    task_id = put_in_state(engine, "failed")
    for hand in hands:
        hand(job(engine, raw, task_id))
    engine.reconcile.tick()
    engine.check(exact_durations=False)
    assert (Job.delete in hands) == (engine.queries.page("acme").total == 0)
