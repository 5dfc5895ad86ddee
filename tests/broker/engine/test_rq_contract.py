"""Guards that stock RQ reads our state: hashes, queues, registries and worker records mean the same to it as to us."""

import io
import pickletools
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from redis import Redis
from rq import Queue, Worker
from rq.job import Job, JobStatus
from rq.registry import (
    BaseRegistry,
    CanceledJobRegistry,
    FailedJobRegistry,
    FinishedJobRegistry,
    ScheduledJobRegistry,
    StartedJobRegistry,
)
from rq.results import Result

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.rq_records import CALL, DATA, refuse
from tests.broker.engine.engine import SECOND, START, Engine

pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)

BEGIN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
REGISTRIES: dict[str, type[BaseRegistry]] = {
    "wip": StartedJobRegistry,
    "finished": FinishedJobRegistry,
    "failed": FailedJobRegistry,
    "scheduled": ScheduledJobRegistry,
    "canceled": CanceledJobRegistry,
}


@pytest.fixture
def raw(redis_url: str) -> Iterator[Redis]:
    with Redis.from_url(redis_url) as client:
        yield client


def fetch(raw: Redis, task_id: str) -> Job:
    return Job.fetch(task_id, connection=raw)


def members(raw: Redis, registry: str, queue: str = "Noop") -> list[str]:
    return REGISTRIES[registry](queue, connection=raw).get_job_ids(cleanup=False)


def test_a_pending_task(engine: Engine, raw: Redis) -> None:
    other, task_id = engine.submit(), engine.submit(timeout=77)
    job = fetch(raw, task_id)
    assert (job.get_status(), job.origin, job.timeout) == (JobStatus.QUEUED, "Noop", 77)
    assert (job.created_at, job.started_at, job.ended_at) == (BEGIN, None, None)
    assert job.description == "for acme"  # no payload in what the dashboard shows
    assert (job.is_queued, job.is_started, job.result_ttl) == (True, False, None)
    queue = Queue("Noop", connection=raw)
    assert (queue.job_ids, queue.count, queue.get_job_position(task_id)) == ([other, task_id], 2, 1)
    assert [queue.name for queue in Queue.all(connection=raw)] == ["Noop"]


def test_a_scheduled_task(engine: Engine, raw: Redis) -> None:
    task_id = engine.submit(delay_us=90 * SECOND, priority=2)
    assert fetch(raw, task_id).get_status() == JobStatus.SCHEDULED
    registry = ScheduledJobRegistry("Noop:2", connection=raw)
    assert registry.get_job_ids() == [task_id]
    assert registry.get_scheduled_time(task_id) == BEGIN + timedelta(seconds=90)
    assert {queue.name for queue in Queue.all(connection=raw)} == {"Noop:2"}


def test_a_running_task(engine: Engine, raw: Redis) -> None:
    begin = datetime.now(UTC).replace(microsecond=0)  # RQ drops executions that are old on its own clock
    engine.now = round(begin.timestamp()) * SECOND
    engine.submit()
    engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"hostname": "here", "pid": 7, "version": "3"})
    engine.advance(1)
    run = engine.start()
    engine.advance(1)
    engine.renew(run)
    job = fetch(raw, run.id)
    assert (job.get_status(), job.worker_name) == (JobStatus.STARTED, "w1")
    beat = begin + timedelta(seconds=2)
    assert (job.started_at, job.last_heartbeat) == (begin + timedelta(seconds=1), beat)
    assert members(raw, "wip") == [run.id]
    (execution,) = job.get_executions()
    assert (execution.id, execution.job_id, execution.last_heartbeat) == (run.execution, run.id, beat)
    (worker,) = Worker.all(connection=raw)
    assert (worker.name, worker.get_state(), worker.get_current_job_id()) == ("w1", "busy", run.id)
    assert (worker.hostname, worker.pid, worker.queue_names()) == ("here", 7, ["Noop"])
    assert worker.last_heartbeat == beat
    assert [each.name for each in Worker.all(queue=Queue("Noop", connection=raw))] == ["w1"]


def test_a_completed_task(engine: Engine, raw: Redis) -> None:
    engine.submit()
    run = engine.start()
    engine.advance(2)
    engine.finish(run)
    job = fetch(raw, run.id)
    assert (job.get_status(), job.is_finished, job.ended_at) == (JobStatus.FINISHED, True, BEGIN + timedelta(seconds=2))
    assert members(raw, "finished") == [run.id]
    assert members(raw, "wip") == []
    assert job.latest_result() is None
    assert job.return_value() is None  # ours lies in a field that RQ does not unpickle


def test_a_failed_task_shows_its_traceback(engine: Engine, raw: Redis) -> None:
    engine.submit()
    run = engine.start()
    engine.store.fail(run.id, run.execution, "boom", "Traceback: naïve ✓", None, engine.no_more())
    job = fetch(raw, run.id)
    assert (job.get_status(), job.is_failed) == (JobStatus.FAILED, True)
    result = job.latest_result()
    assert result is not None
    assert (result.type, result.exc_string, result.worker_name) == (Result.Type.FAILED, "Traceback: naïve ✓", "w1")
    assert members(raw, "failed") == [run.id]
    assert abs(result.created_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_cancelled_task(engine: Engine, raw: Redis) -> None:
    task_id = engine.submit()
    engine.store.cancel(task_id, "acme", force=False)
    assert fetch(raw, task_id).is_canceled
    assert members(raw, "canceled") == [task_id]
    assert Queue("Noop", connection=raw).job_ids == []


def test_entries_lie_out_of_reach_of_rqs_clean_ups(engine: Engine, raw: Redis) -> None:
    for _ in range(3):
        engine.submit()
    engine.finish(engine.start())
    engine.fail(engine.start())
    engine.start()
    engine.submit()
    engine.store.cancel("task-4", "acme", force=False)
    in_a_while = START // SECOND + 20 * 3600
    for name, registry in REGISTRIES.items():
        found = registry("Noop", connection=raw)
        found.cleanup(timestamp=in_a_while)
        assert found.get_job_count(cleanup=False) == (0 if name == "scheduled" else 1), name


def test_a_worker_that_is_gone(engine: Engine, raw: Redis) -> None:
    engine.store.register_worker("w1", ttl=30, queues="Noop,Other", fields={"pid": 7})
    engine.store.register_worker("w2", ttl=30, queues="Noop", fields={"pid": 8})
    engine.store.unregister_worker("w1", "Noop,Other")
    assert [worker.name for worker in Worker.all(connection=raw)] == ["w2"]
    assert Worker.all(queue=Queue("Other", connection=raw)) == []
    assert Worker.count(connection=raw) == 1


class TestCall:
    """What RQ unpickles of ours: one constant, without anything a caller chose."""

    def test_it_is_the_same_for_every_task_and_small(self, engine: Engine, raw: Redis) -> None:
        engine.submit(payload='{"secret":1}')
        engine.submit(priority=9)
        stored = {raw.hget(f"rq:job:task-{n}", "data") for n in (1, 2)}
        assert stored == {DATA}
        assert len(DATA) <= 64  # a longer value would make every hash a large one
        # Nothing in it names a thing to import or call while it is read.
        opcodes = {opcode.name for opcode, _, _ in pickletools.genops(io.BytesIO(DATA))}
        assert opcodes.isdisjoint({"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ"})

    def test_it_names_what_refuses(self, engine: Engine, raw: Redis) -> None:
        job = fetch(raw, engine.submit())
        assert (job.func_name, job.args, job.kwargs) == (CALL, (), {})
        assert job.func is refuse
        with pytest.raises(RuntimeError, match=r"python -m scripts\.worker"):
            job.perform()

    def test_rq_reads_none_of_our_fields(self, engine: Engine, raw: Redis) -> None:
        """None of them bears a name that RQ unpickles or calls."""
        engine.submit(unique_key="k")
        run = engine.start()
        engine.store.remember(run.id, run.execution, {"a": 1})
        engine.renew(run, progress="{}")
        engine.fail(run, delay=0)
        engine.promote()
        engine.finish(engine.start())
        fields = set(engine.redis.hgetall(engine.keys.job(run.id)))
        assert fields.isdisjoint({"result", "meta", "exc_info", "success_callback_name", "failure_callback_name"})
        assert fields.isdisjoint(
            {"stopped_callback_name", "webhooks", "dependency_id", "dependency_ids", "retries_left"}
        )


@pytest.mark.parametrize("prefix", ["rq", "{tasks}", "a.b"])
def test_every_key_has_its_line_in_keys(redis: Redis, prefix: str) -> None:
    """A life with all its turns, under any prefix, touches no key but those that ``Keys`` names."""
    keys = Keys(prefix)
    engine = Engine(redis, keys)
    engine.declare("Noop", rate=1000, burst=100)
    engine.advance(1)
    engine.redis.hset(keys.listeners(), mapping={"acme:webhooks": "task.failed", "acme:live": engine.now + 60 * SECOND})
    engine.store.register_worker("w1", ttl=30, queues="Noop", fields={"pid": 7})
    engine.submit(unique_key="k", media=["m1", "image", "0", "id", "m1", "size", "7"])
    engine.submit(priority=3)
    engine.submit(delay_us=SECOND, tags='["red"]')
    engine.submit(tenant="other", group="g", priority=4)
    engine.submit(tenant="third", group="g", priority=4)
    engine.finish(engine.start())
    engine.finish(engine.start())
    engine.fail(engine.start())
    engine.finish(engine.start())
    engine.submit(id="cancelled", unique_key="k2")
    engine.store.cancel("cancelled", "acme", force=False)
    engine.submit(id="running", unique_key="k3")
    engine.renew(engine.start())
    engine.reap()
    for worker in ("w2", "w3"):
        engine.claim(worker)
    engine.submit()
    Script("read_counts", clock="clock_test")(redis, prefix=prefix)
    words = r"[^:]+"
    patterns = [
        *(keys.job(words), keys.results(words), keys.rq_queues(), keys.rq_queue(r"\w+(:\d+)?"), keys.workers()),
        *(keys.registry(name, r"\w+(:\d+)?") for name in (*REGISTRIES, "workers")),
        *(keys.worker(words), keys.worker_executions(words), keys.execution(words, words), keys.executions(words)),
        *(keys.ready(), keys.due(), keys.limits(r"\w+"), keys.types(), keys.life(), keys.arrivals()),
        *(
            keys.waiting(r"\w+", r"\d+", words, ".*"),
            keys.shares(r"\w+(:\d+)?"),
            keys.group_shares(r"\w+", r"\d+", words),
        ),
        *(
            keys.estimates(r"\w+"),
            keys.counts(),
            keys.groups(),
            keys.idle(r"[\w,]+"),
            keys.wake(words),
            keys.reaped(),
            keys.tenants(),
        ),
        *(keys.index(words, r"\w+"), keys.unique(words, r"\w+", ".*"), keys.durations(words)),
        *(keys.listeners(), keys.outbox(), keys.events(words)),
        *(keys.media(words), keys.media_index(words, r"\w+")),
        *(keys.usage(words, r"[\d-]+"), keys.stored()),
        *(keys.tagged(words, ".*"), keys.tags(words), keys.failures(words), keys.failure(words, words)),
    ]
    patterns = [pattern.replace("{tasks}", r"\{tasks\}") for pattern in patterns]
    found = set(redis.keys("*")) - {"test:now"}
    unknown = {key for key in found if not any(re.fullmatch(pattern, key) for pattern in patterns)}
    assert not unknown
    missing = {pattern for pattern in patterns if not any(re.fullmatch(pattern, key) for key in found)}
    assert not missing, "this life should touch every key that the scripts know"
