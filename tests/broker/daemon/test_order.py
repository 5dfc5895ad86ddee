"""Guards the chore that moves what has to change its place in line: aging, and holds whose maker is gone."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from broker.broker import Broker
from broker.daemon.order import Order
from broker.queues.holds import Holds
from broker.task import NewTask
from tests.broker.engine.engine import Engine
from tests.waiting import wait_until

on_valkey = pytest.mark.parametrize("redis", ["valkey"], indirect=True)


class Hurried:
    """A clock of whoever has no time at all: each look is a second later."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def chore(engine: Engine, broker: Broker) -> Order:
    return Order(engine.redis, engine.store, Holds(engine.redis, engine.store, broker.types))


@pytest.fixture
def maker(engine: Engine, broker: Broker) -> Holds:
    """Who makes and ends holds, and does next to nothing of what follows."""
    return Holds(engine.redis, engine.store, broker.types, clock=Hurried())


def tick_until_idle(chore: Order) -> int:
    """How often the daemon has to call it at once."""
    times = 1
    while chore.tick() == 0:
        times += 1
        assert times < 1000
    return times


@on_valkey
class TestAging:
    def test_it_wakes_when_the_next_task_is_due(self, engine: Engine, chore: Order) -> None:
        engine.cap(aging=10)
        engine.submit()
        assert tick_until_idle(chore)
        engine.advance(9.5)
        assert chore.tick() == 0.5
        engine.advance(0.5)
        chore.tick()
        assert engine.order("Noop:1") == ["task-1"]

    def test_it_looks_each_second_where_nothing_is_due(self, engine: Engine, chore: Order) -> None:
        tick_until_idle(chore)
        assert chore.tick() == 1.0
        engine.cap(aging=100)
        engine.submit()
        assert chore.tick() == 1.0

    def test_many_are_lifted_in_a_row_without_a_rest(self, engine: Engine, chore: Order) -> None:
        engine.cap(aging=10)
        engine.try_submit_many(*[{}] * 250)
        engine.advance(10)
        assert tick_until_idle(chore) >= 3
        assert len(engine.order("Noop:1")) == 250
        engine.check()

    def test_what_waited_before_grows_older_from_when_it_was_asked_for(self, engine: Engine, chore: Order) -> None:
        engine.try_submit_many(*[{}] * 250)
        engine.cap(aging=10)
        tick_until_idle(chore)
        engine.advance(10)
        tick_until_idle(chore)
        assert len(engine.order("Noop:1")) == 250


@on_valkey
class TestHolds:
    def test_one_whose_maker_died_is_carried_out(self, engine: Engine, chore: Order, maker: Holds) -> None:
        engine.try_submit_many(*[{}] * 350, tenant="sick")
        engine.submit()
        hold = maker.create({"tenant": "sick"}, "x")
        assert (hold.settled, hold.held < 350) == (False, True)
        tick_until_idle(chore)
        assert (maker.get(hold.id).settled, maker.get(hold.id).held) == (True, 350)
        assert engine.order(tenant="sick") == []
        engine.check()

    def test_one_that_was_let_go_in_the_middle_lets_all_go(self, engine: Engine, chore: Order, maker: Holds) -> None:
        engine.try_submit_many(*[{}] * 350, tenant="sick")
        ids = engine.order(tenant="sick")
        hold = maker.create({"tenant": "sick"}, "x")
        tick_until_idle(chore)
        maker.let_go(hold.id)
        assert 0 < len(engine.order(tenant="sick")) < 350
        assert maker.list() == []
        tick_until_idle(chore)
        assert engine.order(tenant="sick") == ids
        assert engine.redis.exists(engine.keys.holds()) == 0
        engine.check()


def test_a_daemon_does_it(broker: Broker, tmp_path: Path) -> None:
    """A real one, on the machine's clock."""
    broker.queues.declare()
    broker.queues.configure("Noop", aging_seconds=1)
    for _ in range(250):
        submit(broker, "sick")
    broker.transitions.hold("h1", json.dumps({"tag": "t"}))
    broker.transitions.hold("h2", json.dumps({"tenant": "sick"}))
    old = submit(broker, "acme")
    url = broker.settings.redis_url
    environ = {**os.environ, "REDIS_URL": url, "DATA_DIR": str(tmp_path), "SECRET_KEY": "a secret of the tests"}
    daemon = subprocess.Popen([sys.executable, "-m", "broker"], env=environ, cwd=Path(__file__).parents[3])
    try:
        wait_until(lambda: lifted(broker, old) is not None, "the task rises", seconds=60)
        wait_until(lambda: broker.redis.zcard(broker.keys.held("h2")) == 250, "the hold is carried out", seconds=60)
        assert broker.transitions.let_go_hold("h2", 1) == 249
        wait_until(lambda: not broker.redis.exists(broker.keys.held("h2")), "all are let go", seconds=60)
    finally:
        daemon.kill()
        daemon.wait()


def submit(broker: Broker, tenant: str) -> str:
    return broker.tasks.submit(tenant, broker.tasks.check(NewTask("Noop", {"n": 1})))[0].id


def lifted(broker: Broker, task_id: str) -> Any:
    return broker.redis.hget(broker.keys.job(task_id), "lifted")
