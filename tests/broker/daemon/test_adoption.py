"""Guards that releases work side by side: what an older one submits or takes, which knows no lines, is done once."""

import json

import pytest

from broker.clock import to_rfc3339
from broker.daemon import adoption
from broker.engine.transitions import Claimed
from tests.broker.engine.engine import NOTHING, SECOND, Engine, indexed, leased

pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)


def submit_as_before(engine: Engine, task_id: str, tenant: str) -> str:
    """What the scripts of a release without lines left of a task."""
    redis, keys = engine.redis, engine.keys
    fields = {"status": "queued", "us": engine.now, "tenant": tenant, "origin": "Noop", "timeout": 60, "payload": "{}",
              "max_retries": 3, "created_at": to_rfc3339(engine.now)}  # fmt: skip
    redis.hset(keys.job(task_id), mapping=fields | {"seq": redis.hincrby(keys.arrivals(), "Noop", 1)})
    redis.zadd(keys.index(tenant, "Noop"), {task_id: indexed("pending", engine.now)})
    redis.rpush(keys.rq_queue("Noop"), task_id)
    redis.zadd(keys.ready(), {"Noop": 0})
    redis.sadd(keys.rq_queues(), keys.rq_queue("Noop"))
    redis.sadd(keys.tenants(), tenant)
    return task_id


def claim_as_before(engine: Engine) -> str:
    """What they left of the start of a task."""
    redis, keys = engine.redis, engine.keys
    task_id = redis.lpop(keys.rq_queue("Noop")) or ""
    tenant, us = redis.hmget(keys.job(task_id), "tenant", "us")
    redis.zadd(keys.index(tenant, "Noop"), {task_id: indexed("processing", int(us or 0))})
    started = {"status": "started", "lease": "old", "started_at": to_rfc3339(engine.now), "runs": 1}
    redis.hset(keys.job(task_id), mapping={**started, "worker_name": "old"})
    redis.zadd(keys.registry("wip", "Noop"), {f"{task_id}:old": leased(engine.now + 60 * SECOND)})
    return task_id


def served(engine: Engine, count: int) -> list[str]:
    starts = []
    for number in range(count):
        run = engine.start(f"w{number}")
        engine.advance(1)
        engine.finish(run)
        starts.append(run.claimed.tenant)
    return starts


def test_what_an_older_release_submits_gets_in_line_while_others_keep_the_queue_busy(engine: Engine) -> None:
    engine.try_submit_many(*[{}] * 20, tenant="busy")
    engine.start("w0")
    submit_as_before(engine, "old", "late")
    assert "late" not in served(engine, 4)
    engine.reconcile.tick()
    engine.check(exact_durations=False)
    assert "late" in served(engine, 2)


def test_it_is_found_in_a_long_list_wherever_it_stands(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adoption, "_SLICE", 10)
    engine.try_submit_many(*[{}] * 35, tenant="busy")
    submit_as_before(engine, "old", "late")
    engine.try_submit_many(*[{}] * 35, tenant="busy")
    rounds = 0
    while not engine.order(tenant="late"):
        engine.reconcile.tick()
        rounds += 1
    assert 1 < rounds <= 8


def test_caps_and_holds_are_heeded(engine: Engine) -> None:
    engine.cap(concurrency=1)
    engine.submit(tenant="busy")
    submit_as_before(engine, "capped", "busy")
    engine.store.hold("h1", json.dumps({"tenant": "sick"}))
    submit_as_before(engine, "held", "sick")
    engine.reconcile.tick()
    assert engine.redis.zrange(engine.keys.held("h1"), 0, -1) == ["held"]
    run = engine.start("w1")
    assert engine.claim("w2") == NOTHING
    engine.finish(run)
    assert engine.start("w2").id == "capped"
    assert engine.claim("w1") == NOTHING


def test_what_is_in_line_is_left_alone(engine: Engine) -> None:
    for tenant in ("a", "b"):
        engine.try_submit_many(*[{}] * 3, tenant=tenant)
    before = engine.state()
    engine.reconcile.tick()
    assert engine.state() == before


def test_what_an_older_worker_has_taken_is_not_started_again(engine: Engine) -> None:
    ids = [engine.submit() for _ in range(3)]
    engine.submit(tenant="b")
    assert claim_as_before(engine) == ids[0]
    started = [engine.claim(f"w{number}") for number in range(4)]
    assert sorted(each.id for each in started if isinstance(each, Claimed)) == ["task-2", "task-3", "task-4"]
    assert started[3] == NOTHING
    engine.check()
