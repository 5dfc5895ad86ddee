"""Guards the doctor's look at lines, shares, caps and holds: what is out of order there is found and cured."""

import json
from collections.abc import Callable, Iterator

import pytest

from broker.broker import Broker
from broker.doctor.doctor import Doctor
from broker.doctor.summary import summary
from broker.queues import limits
from broker.queues.daemons import Daemon
from broker.queues.state import oldest
from tests.broker.engine.engine import NOTHING, Engine

pytestmark = pytest.mark.parametrize("redis", ["valkey"], indirect=True)


@pytest.fixture
def broker(broker: Broker, engine: Engine) -> Broker:
    """On the engine's server, where a daemon and a worker run."""
    broker.daemons.beat(Daemon("d1", "host", 7, "2024-01-01T00:00:00.000000Z", "2024-01-01T00:00:00.000000Z"))
    fields, types = {"pid": 1}, limits.declarations(broker.types)
    engine.store.register_worker("w0", ttl=60, queues="Noop,Other", fields=fields, types=types)
    return broker


@pytest.fixture
def checker(broker: Broker) -> Iterator[Doctor]:
    """Nothing happens between its looks."""
    yield Doctor(broker, clock="clock_test", wait=lambda seconds: None)


def line(engine: Engine, group: str = "", level: int = 0, tenant: str = "acme") -> str:
    return engine.keys.waiting("Noop", level, tenant, group)


def hold(engine: Engine, **fits: str) -> None:
    engine.store.hold("h1", json.dumps(fits))
    for tenant in engine.redis.smembers(engine.keys.tenants()):
        engine.store.sweep_hold("h1", tenant, "Noop")


def in_no_line(engine: Engine, task_id: str) -> None:
    engine.redis.zrem(line(engine, "g"), task_id)


def in_another_line(engine: Engine, task_id: str) -> None:
    engine.redis.zrem(line(engine, "g"), task_id)
    engine.redis.zadd(line(engine, "other"), {task_id: 1})


def in_two_lines(engine: Engine, task_id: str) -> None:
    engine.redis.zadd(line(engine, "g", level=3), {task_id: 1})


def without_a_hash(engine: Engine, task_id: str) -> None:
    engine.redis.zadd(line(engine, "g"), {"gone": 1})


def with_no_share(engine: Engine, task_id: str) -> None:
    engine.redis.delete(engine.keys.shares("Noop"))


def with_no_share_of_its_group(engine: Engine, task_id: str) -> None:
    engine.redis.delete(engine.keys.group_shares("Noop", 0, "acme"))


def parked_and_in_line(engine: Engine, task_id: str) -> None:
    engine.redis.zadd(engine.keys.held("h9"), {task_id: 1})


def held_by_a_hold_that_is_gone(engine: Engine, task_id: str) -> None:
    hold(engine, group="g")
    engine.redis.delete(engine.keys.holds())


def capped_without_a_cap(engine: Engine, task_id: str) -> None:
    engine.redis.zrem(engine.keys.shares("Noop"), "acme")
    engine.redis.zadd(engine.keys.capped("Noop"), {"acme": 2**53 - 1})


def group_capped_without_a_cap(engine: Engine, task_id: str) -> None:
    engine.redis.zrem(engine.keys.group_shares("Noop", 0, "acme"), "g")
    engine.redis.sadd(engine.keys.capped_groups("Noop"), "acme:g")


HANDS = (
    *(in_no_line, in_another_line, in_two_lines, without_a_hash, with_no_share, with_no_share_of_its_group),
    *(parked_and_in_line, held_by_a_hold_that_is_gone, capped_without_a_cap, group_capped_without_a_cap),
)


@pytest.mark.parametrize("hand", HANDS, ids=lambda hand: hand.__name__)
def test_what_is_out_of_order_is_found_and_cured(
    engine: Engine, checker: Doctor, hand: Callable[[Engine, str], None]
) -> None:
    task_id = engine.submit(group="g")
    assert checker.check() == []
    hand(engine, task_id)
    assert checker.check()
    for _ in range(3):
        for finding in checker.check():
            checker.repair(finding)
    assert checker.check() == []
    engine.check()
    assert engine.start("w1").id == task_id


@pytest.mark.parametrize(
    ("key", "field", "value"),
    [("weights", "acme", "much"), ("weights", "acme", "0"), ("tenant_limits", "acme Noop", "1/2"),
     ("tenant_limits", "acme Noop", "0//"), ("holds", "h1", "{"), ("holds", "h1", "[]")],
)  # fmt: skip
def test_what_cannot_be_read_is_removed(engine: Engine, checker: Doctor, key: str, field: str, value: str) -> None:
    engine.store.set_tenant("rival", "0.5", ["Noop", "125/3/none"])
    engine.redis.hset(getattr(engine.keys, key)(), field, value)
    (finding,) = checker.check()
    assert checker.repair(finding)
    assert checker.check() == []
    assert engine.redis.hgetall(engine.keys.weights()) == {"rival": "0.5"}


def test_a_line_of_no_group_must_be_a_sorted_set(engine: Engine, checker: Doctor) -> None:
    engine.redis.set(line(engine), "x")
    assert "wrong_type" in [finding.cure for finding in checker.check()]


class TestWhatWaitsRightly:
    def test_all_is_held(self, engine: Engine, checker: Doctor, broker: Broker) -> None:
        for priority in (0, 3, -1):
            engine.submit(priority=priority)
        hold(engine, tenant="acme")
        assert engine.claim("w1") == NOTHING
        assert checker.check() == []
        assert oldest(engine.redis, engine.keys, ["Noop"]) == [("", 0, "")]
        assert "  all that waits is put aside by holds" in "\n".join(summary(engine.redis, engine.keys, ["Noop"]))

    def test_all_are_capped(self, engine: Engine, checker: Doctor, broker: Broker) -> None:
        engine.cap(concurrency=1, group=1)
        first, second, *_ = [engine.submit(group="g") for _ in range(3)]
        run = engine.start("w1")
        assert engine.claim("w2") == NOTHING
        assert checker.check() == []
        assert run.id == first
        assert oldest(engine.redis, engine.keys, ["Noop"])[0][::2] == (second, "tenant_cap")
        engine.cap(group=1)
        assert engine.claim("w2") == NOTHING
        assert checker.check() == []
        assert oldest(engine.redis, engine.keys, ["Noop"])[0][::2] == (second, "group_cap")
        assert "its group is at a cap" in "\n".join(summary(engine.redis, engine.keys, ["Noop"]))

    def test_all_have_risen(self, engine: Engine, checker: Doctor) -> None:
        engine.cap(aging=10)
        task_id = engine.submit()
        engine.advance(10)
        engine.store.lift()
        assert engine.claim("w1", "Other") == NOTHING
        assert checker.check() == []
        assert oldest(engine.redis, engine.keys, ["Noop"]) == [(task_id, engine.now - 10_000_000, "")]


def test_the_oldest_is_found_in_whosever_line_it_stands(engine: Engine) -> None:
    """Also where RQ's list begins with another."""
    flood = [engine.submit(tenant="flood") for _ in range(2)]
    engine.advance(1)
    old = engine.submit(tenant="b", group="x")
    for _ in range(2):
        engine.advance(1)
        engine.submit(tenant="c")
    assert {engine.start("w1").id, engine.start("w2").id} == {flood[0], old}
    assert oldest(engine.redis, engine.keys, ["Noop", "Other"])[0][0] == flood[1]
    assert oldest(engine.redis, engine.keys, ["Other"]) == [("", 0, "")]
