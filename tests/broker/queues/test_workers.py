"""Guards the records by which workers are known: they live as long as their workers, and notes outlive runs."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest
from redis import Redis

from broker.broker import Broker
from broker.engine.transitions import Wait
from broker.queues.workers import Workers
from broker.worker import child
from broker.worker.child_state import ChildState
from broker.worker.log_pipe import LogPipe
from tests.broker.engine.engine import Engine, at
from tests.invariants import changes

FIELDS = {"hostname": "here", "pid": 7}


@contextmanager
def lives_for(seconds: int, redis: Redis, key: str) -> Iterator[None]:
    """A key has so long to live from some moment of the block on, whenever it is looked at."""

    def now_ms() -> int:
        whole, microseconds = redis.time()
        return int(whole) * 1000 + int(microseconds) // 1000

    before = now_ms()
    yield
    assert before <= redis.pexpiretime(key) - seconds * 1000 <= now_ms()


class TestEnlist:
    def test_a_birth(self, engine: Engine) -> None:
        before = engine.state()
        assert engine.store.register_worker("w1", ttl=30, queues="Noop,Other", fields=FIELDS) is True
        after = engine.state()
        assert changes(before, after) == {
            "worker:w1": {
                "hostname": (None, "here"),
                "pid": (None, "7"),
                "queues": (None, "Noop,Other"),
                "birth": (None, at(0)),
                "last_heartbeat": (None, at(0)),
                "ttl": (None, "30"),
                "state": (None, "idle"),
            },
            "workers": (None, {"rq:worker:w1"}),
            "workers:Noop": (None, {"rq:worker:w1"}),
            "workers:Other": (None, {"rq:worker:w1"}),
        }
        assert after.expiring == {"rq:worker:w1"}

    def test_a_sign_of_life_changes_neither_birth_nor_what_it_does(self, engine: Engine) -> None:
        engine.store.register_worker("w1", ttl=30, queues="Noop", fields=FIELDS)
        engine.submit()
        engine.start("w1")
        before = engine.state()
        engine.advance(5)
        assert engine.store.register_worker("w1", ttl=30, queues="Noop", fields=FIELDS) is False
        assert changes(before, engine.state()) == {"worker:w1": {"last_heartbeat": (at(0), at(5))}}

    def test_a_record_that_expired_while_it_worked_is_whole_again(self, engine: Engine) -> None:
        engine.store.register_worker("w1", ttl=30, queues="Noop", fields=FIELDS)
        engine.redis.delete(engine.keys.worker("w1"))
        engine.redis.srem(engine.keys.workers(), engine.keys.worker("w1"))
        engine.claim("w1")  # writes a field or two
        with lives_for(30, engine.redis, engine.keys.worker("w1")):
            engine.store.register_worker("w1", ttl=30, queues="Noop", fields=FIELDS)
        record = engine.redis.hgetall(engine.keys.worker("w1"))
        assert record.keys() >= {"birth", "queues", "hostname", "last_heartbeat"}
        assert engine.redis.smembers(engine.keys.workers()) == {engine.keys.worker("w1")}

    def test_a_beat_keeps_a_running_workers_record(self, engine: Engine) -> None:
        engine.store.register_worker("w1", ttl=20, queues="Noop", fields=FIELDS)
        engine.submit()
        run = engine.start("w1")
        with lives_for(30, engine.redis, engine.keys.worker("w1")):
            engine.renew(run)


def test_short_sleeps_keep_the_record_alive(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a worker that wakes for each token of a slow type and runs it in less than a beat."""
    now = [100.0]
    clock = SimpleNamespace(monotonic=lambda: now[0], clock_gettime=lambda _: now[0], CLOCK_BOOTTIME=7)
    monkeypatch.setattr(child, "time", clock)
    worker, record = child.Child("w1", broker.settings, broker.types, ChildState(), LogPipe()), broker.keys.worker("w1")
    monkeypatch.setattr(worker, "_state", SimpleNamespace(restore_idle=lambda: ""), raising=False)
    worker._sleep(Wait(1000))
    assert broker.redis.smembers(broker.keys.workers()) == {record}
    broker.redis.expire(record, 7)
    now[0] += 4
    worker._sleep(Wait(1000))
    assert broker.redis.ttl(record) <= 7  # not at every turn
    now[0] += 1
    with lives_for(child.WORKER_TTL, broker.redis, record):
        worker._sleep(Wait(1000))


def test_who_was_killed_is_listed_no_more_while_the_record_is_kept(engine: Engine) -> None:
    """But for one whose lease holds: it may be busy for longer than it is silent."""
    workers = Workers(engine.redis, engine.keys, clock="clock_test")
    for name in ("idle", "busy"):
        engine.store.register_worker(name, ttl=30, queues="Noop", fields=FIELDS | {"lacks": "a"})
    engine.submit()
    engine.advance(11)
    engine.start("busy")
    assert [(each.name, each.state) for each in workers.list()] == [("busy", "busy"), ("idle", "idle")]
    engine.advance(2)
    assert [each.name for each in workers.list()] == ["busy"]
    assert workers.lacking("Noop") == {"a"}
    engine.advance(60)
    assert workers.list() == []
    assert workers.lacking("Noop") == set()
    records = [engine.keys.worker(name) for name in ("idle", "busy")]
    assert engine.redis.exists(*records) == 2  # the server's own clock stands


def test_retired_nothing_is_left(engine: Engine) -> None:
    before = engine.state()
    engine.store.register_worker("w1", ttl=30, queues="Noop,Other", fields=FIELDS)
    engine.claim("w1", "Noop,Other")
    engine.submit()
    engine.store.cancel("task-1", "acme", force=False)
    engine.store.unregister_worker("w1", "Noop,Other")
    assert [key for key in changes(before, engine.state()) if "w1" in key or "worker" in key or "idle" in key] == []


class TestRemember:
    def test_notes_are_kept_for_later_runs(self, engine: Engine) -> None:
        engine.submit()
        run = engine.start()
        assert engine.store.remember(run.id, run.execution, {"remote_id": "a", "done": [1, 2]})
        assert engine.store.remember(run.id, run.execution, {"remote_id": "b"})
        engine.release(run, crashed=True)
        assert json.loads(engine.start().claimed.memo) == {"remote_id": "b"}

    def test_nobody_notes_on_a_task_that_is_not_there(self, engine: Engine) -> None:
        before = engine.state()
        assert not engine.store.remember("nothing", "x1", {"a": 1})
        assert engine.state() == before
