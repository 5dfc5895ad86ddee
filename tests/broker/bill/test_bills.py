"""Guards the bill of a wait: it sums to the wait to the microsecond, and each reason is within a look of the truth."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from broker.bill.bills import REASONS, Bills
from broker.clock import from_rfc3339
from broker.daemon.sample import Sample
from tests.broker.engine.engine import Engine, Run

LOOK = 0.25


@pytest.fixture
def world(engine: Engine) -> "World":
    return World(engine)


class World:
    """A daemon that looks every quarter of a second while time passes, and two workers unless told otherwise."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sample = Sample(engine.redis, engine.keys, clock="clock_test")
        self.bills = Bills(engine.redis, engine.keys)
        self.work("w1", "w2")
        self.sample.tick()
        self.wait(LOOK)

    def work(self, *names: str, queues: str = "Noop") -> None:
        for name in names:
            self.engine.store.register_worker(name, ttl=600, queues=queues, fields={})

    def leave(self, *names: str) -> None:
        for name in names:
            self.engine.store.unregister_worker(name, "Noop")

    def wait(self, seconds: float, looks: bool = True) -> None:
        """Time passes; then the daemon looks, as it does a moment after everything that happens."""
        end = self.engine.now + round(seconds * 1e6)
        while self.engine.now < end:
            self.engine.now = min(end, self.engine.now + round(LOOK * 1e6))
            if looks:
                self.engine.store.promote()
                self.sample.tick()

    def bill(self, task_id: str, tenant: str = "acme") -> dict[str, float]:
        """What is not zero. It sums to the wait to the microsecond, whatever happened."""
        task = self.engine.task(task_id, tenant)
        bill = self.bills.of([task])[task_id]
        assert bill.keys() == {"since", "seconds", *REASONS}
        assert task.started_at
        us = from_rfc3339(task.started_at) - from_rfc3339(bill["since"])
        assert round(bill["seconds"] * 1e6) == us
        assert sum(round(bill[reason] * 1e6) for reason in REASONS) == us
        assert all(bill[reason] >= 0 for reason in REASONS)
        return {reason: bill[reason] for reason in REASONS if bill[reason]}

    def start(self, task_id: str, worker: str = "w1") -> Run:
        run = self.engine.start(worker)
        assert run.id == task_id
        return run


def near(**reasons: float) -> Any:
    """Each reason within one look."""
    return pytest.approx(reasons, abs=LOOK + 1e-9)


def test_without_a_start_there_is_no_bill(world: World) -> None:
    task_id = world.engine.submit()
    assert world.bills.of([world.engine.task(task_id)]) == {}
    run = world.start(task_id)
    world.engine.fail(run, delay=5)
    assert world.bills.of([world.engine.task(task_id)]) == {}


def test_a_free_worker_takes_it_at_once(world: World) -> None:
    task_id = world.engine.submit()
    world.engine.advance(0.003)
    world.start(task_id)
    assert world.bill(task_id) == {"hand_over": 0.003}


def test_both_workers_are_busy(world: World) -> None:
    runs = [world.start(world.engine.submit(), name) for name in ("w1", "w2")]
    task_id = world.engine.submit()
    world.sample.tick()
    world.wait(3)
    world.engine.finish(runs[0])
    world.start(task_id)
    assert world.bill(task_id) == near(workers_busy=3)


def test_each_reason_of_the_type_in_turn(world: World) -> None:
    engine = world.engine
    task_id = engine.submit()
    steps: list[tuple[str, Callable[[], Any]]] = [
        ("paused", lambda: engine.configure(paused="1")),
        ("rate_limit", lambda: engine.configure(paused="0", rate="1")),
        ("concurrency", lambda: engine.configure(rate="", concurrency="0")),
        ("no_worker", lambda: world.leave("w1", "w2")),
    ]
    for _, begin in steps:
        begin()
        world.sample.tick()
        world.wait(2)
    engine.configure(concurrency="")
    world.work("w1")
    world.start(task_id)
    assert world.bill(task_id) == near(paused=2, rate_limit=2, concurrency=2, no_worker=2)


def test_the_time_before_it_was_due(world: World) -> None:
    task_id = world.engine.submit(delay_us=4_000_000)
    world.wait(4)
    world.engine.configure(paused="1")
    world.sample.tick()
    world.wait(1)
    world.engine.configure(paused="0")
    world.start(task_id)
    assert world.bill(task_id) == {"scheduled": 4.0, "paused": 1.0}


def test_the_time_for_which_it_waited_for_others(world: World) -> None:
    first = world.engine.submit()
    second = world.engine.link(first)
    run = world.start(first)
    world.wait(3)
    world.engine.finish(run)
    world.start(second)
    assert world.bill(second) == {"depends_on": 3.0}


def test_what_it_waits_for_ends_before_it_is_due(world: World) -> None:
    first = world.engine.submit()
    second = world.engine.link(first, delay_us=5_000_000)
    run = world.start(first)
    world.wait(3)
    world.engine.finish(run)
    world.wait(2)
    world.start(second)
    assert world.bill(second) == {"depends_on": 3.0, "scheduled": 2.0}


def test_holds_put_it_aside_twice(world: World) -> None:
    engine = world.engine
    engine.configure(paused="1")
    world.sample.tick()
    task_id = engine.submit()
    for name in ("one", "two"):
        world.wait(1)
        engine.store.hold(name, '{"tenant":"acme"}')
        engine.store.sweep_hold(name, "acme", "Noop")
        world.wait(2)
        engine.store.let_go_hold(name)
    engine.configure(paused="0")
    world.start(task_id)
    assert world.bill(task_id) == {"paused": 2.0, "held": 4.0}


def test_a_hold_catches_it_as_it_comes(world: World) -> None:
    world.engine.store.hold("one", '{"tenant":"acme"}')
    task_id = world.engine.submit()
    world.wait(2)
    world.engine.store.let_go_hold("one")
    world.start(task_id)
    assert world.bill(task_id) == {"held": 2.0}


def test_its_tenant_is_at_its_cap_and_others_are_not(world: World) -> None:
    engine = world.engine
    engine.cap(concurrency=1)
    run = world.start(engine.submit())
    capped, free = engine.submit(), engine.submit(tenant="other")
    world.sample.tick()
    world.wait(2)
    world.start(free, "w2")
    world.wait(2)
    engine.finish(run)
    world.start(capped)
    # The type itself had a worker free in the first half, none in the second.
    assert world.bill(capped) == near(tenant_limit=4)
    assert world.bill(free, "other") == near(hand_over=2)


def test_what_was_before_and_after_its_tenant_was_at_its_cap(world: World) -> None:
    """A cap that is over takes away what the type was meanwhile, and nothing else."""
    engine = world.engine
    world.start(engine.submit())
    task_id = engine.submit()
    world.wait(2)
    engine.cap(concurrency=1)
    world.sample.tick()
    world.wait(1)
    engine.cap()
    world.sample.tick()
    world.wait(2)
    world.start(task_id, "w2")
    assert world.bill(task_id) == {"hand_over": 4.0, "tenant_limit": 1.0}


def test_its_group_is_at_its_cap(world: World) -> None:
    engine = world.engine
    engine.cap(group=1)
    run = world.start(engine.submit(group="g"))
    capped, plain = engine.submit(group="g"), engine.submit()
    world.sample.tick()
    world.wait(3)
    world.start(plain, "w2")
    engine.finish(run)
    world.start(capped)
    assert world.bill(capped) == near(group_limit=3)
    assert world.bill(plain) == near(hand_over=3)


def test_it_is_the_turn_of_others(world: World) -> None:
    engine = world.engine
    world.leave("w2")
    run = world.start(engine.submit(tenant="other"))
    ids = {"other": engine.submit(tenant="other"), "acme": engine.submit()}
    shares = []
    for _ in range(2):
        world.sample.tick()
        world.wait(2)
        engine.finish(run)
        run = engine.start()
        bill = world.bill(run.id, run.claimed.tenant)
        assert ids[run.claimed.tenant] == run.id
        shares.append(bill.get("share", 0))
        assert sum(bill.values()) == bill["workers_busy"] + bill.get("share", 0)
    assert shares == [0, pytest.approx(2, abs=LOOK)]


def test_a_stop_of_the_type_comes_before_the_tenants_own_reasons(world: World) -> None:
    engine = world.engine
    engine.cap(concurrency=1)
    run = world.start(engine.submit())
    task_id = engine.submit()
    world.sample.tick()
    world.wait(1)
    engine.configure(paused="1")
    world.sample.tick()
    world.wait(2)
    engine.configure(paused="0")
    engine.finish(run)
    world.start(task_id)
    assert world.bill(task_id) == near(tenant_limit=1, paused=2)


def test_where_no_daemon_looked_nobody_knows(world: World) -> None:
    engine = world.engine
    engine.cap(concurrency=1)
    run = world.start(engine.submit())
    task_id = engine.submit()
    world.sample.tick()
    world.wait(1)
    world.wait(5, looks=False)
    world.sample.tick()
    world.wait(1)
    engine.finish(run)
    world.start(task_id)
    assert world.bill(task_id) == near(tenant_limit=2, unknown=5)


def test_without_any_daemon_nothing_is_made_up(engine: Engine) -> None:
    world = World.__new__(World)
    world.engine, world.bills = engine, Bills(engine.redis, engine.keys)
    task_id = engine.submit()
    engine.advance(7)
    world.start(task_id)
    assert world.bill(task_id) == {"unknown": 7.0}


def test_what_the_daemon_has_not_yet_seen_is_not_known(world: World) -> None:
    task_id = world.engine.submit()
    world.wait(1)
    world.wait(5, looks=False)
    world.start(task_id)
    assert world.bill(task_id) == {"hand_over": 1.0, "unknown": 5.0}


def test_a_later_run_counts_since_it_was_put_into_its_queue(world: World) -> None:
    engine = world.engine
    task_id = engine.submit()
    engine.fail(world.start(task_id), delay=10)
    world.wait(10)
    engine.configure(paused="1")
    world.sample.tick()
    world.wait(2)
    engine.configure(paused="0")
    world.start(task_id)
    assert world.bill(task_id) == {"paused": 2.0}


def test_a_log_is_written_when_something_changes_and_only_then(world: World) -> None:
    world.wait(60)
    key = world.engine.keys.wait_log("Noop", "")
    assert world.engine.redis.xlen(key) == 1
    world.engine.configure(paused="1")
    world.wait(60)
    assert world.engine.redis.xlen(key) == 2


def test_a_trimmed_log_leaves_what_it_has_forgotten_unknown(world: World) -> None:
    engine = world.engine
    task_id = engine.submit()
    world.wait(2)
    engine.configure(paused="1")
    world.sample.tick()
    world.wait(3)
    engine.configure(paused="0")
    world.start(task_id)
    engine.redis.xtrim(engine.keys.wait_log("Noop", ""), maxlen=1, approximate=False)
    assert world.bill(task_id) == {"unknown": 2.0, "paused": 3.0}


def test_whatever_happens_it_sums_to_the_wait(world: World) -> None:
    """Random histories of two tenants and groups; ``World.bill`` compares the sums."""
    engine, chance = world.engine, random.Random(7)
    engine.cap(concurrency=2, group=1)
    running: list[Run] = []
    billed = 0
    for _ in range(300):
        tenant = chance.choice(["acme", "other", "third"])
        act = chance.randrange(6)
        if act <= 1:
            engine.submit(tenant=tenant, group=chance.choice(["", "g", "h"]), delay_us=chance.choice([0, 0, 700_000]))
        elif act == 2:
            engine.configure(paused=chance.choice(["0", "0", "1"]), rate=chance.choice(["", "3000"]))
        elif act == 3 and running:
            engine.finish(running.pop(0))
        elif (name := next((each for each in ("w1", "w2") if each not in {run.worker for run in running}), None)) and (
            claim := engine.by(name)
        ):
            claimed = engine.store.claim(claim)
            if hasattr(claimed, "id"):
                running.append(Run(name, claim.execution, claimed))
                world.bill(claimed.id, claimed.tenant)
                billed += 1
        world.wait(chance.random(), looks=chance.random() < 0.9)
    assert billed > 30
