"""Guards that a real daemon sees why tasks wait, and that whoever asks later is told."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.transitions import Claim, Claimed
from broker.task import NewTask
from tests.system.running import REPOSITORY
from tests.waiting import wait_until


@pytest.fixture
def daemon(settings: BrokerSettings) -> Iterator[None]:
    environ = {**os.environ, "REDIS_URL": settings.redis_url, "DATA_DIR": str(settings.data_dir)}
    process = subprocess.Popen([sys.executable, "-m", "broker", "daemon"], env=environ, cwd=REPOSITORY)
    yield
    process.terminate()
    assert process.wait(30) == 0


def passed(broker: Broker, seconds: float) -> Any:
    """Whether the daemon has looked so long after now."""
    now, micros = broker.redis.time()
    end = now * 1_000_000 + micros + seconds * 1e6
    return lambda: int(broker.redis.hget(broker.keys.waits_sampled(), "Noop") or 0) >= end


def test_the_daemon_watches_a_wait(broker: Broker, daemon: None) -> None:
    broker.transitions.register_worker("w1", ttl=600, queues="Noop", fields={})
    wait_until(passed(broker, 0), "the daemon looks")
    broker.transitions.configure("Noop", rate="keep", burst="keep", concurrency="keep", paused="1")
    wait_until(passed(broker, 0), "the daemon has seen the pause")
    task, _ = broker.tasks.submit("acme", NewTask("Noop", {"n": 1}))
    wait_until(passed(broker, 1), "the daemon has looked for a second")
    broker.transitions.configure("Noop", rate="keep", burst="keep", concurrency="keep", paused="0")
    assert isinstance(broker.transitions.claim(Claim("w1", "x", "Noop", 60_000_000)), Claimed)
    bill = broker.bills.of([broker.tasks.get("acme", task.id)])[task.id]
    assert bill["paused"] >= 1
    assert bill["paused"] + bill["hand_over"] == pytest.approx(bill["seconds"])
