"""How much of a rate is used: one type with a bucket for a single token, more work than tokens, one worker.

Starts are read off the tasks' records. Beside each other they are never closer than the rate allows; each time that a
worker comes too late for a token, the rest of its interval is lost for good.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from typing import Any

from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.config import BrokerSettings
from broker.errors import NotCancellable
from broker.schema import Schema
from broker.task import NewTask, Task
from broker.task_type import TaskType
from scripts.bench.environments import ROOT
from scripts.bench.report import table
from scripts.bench.server import Server, fresh

RATES = (0.5, 2.0, 10.0, 100.0, 1000.0)
_BATCH = 1_000
#: Starts that make a gap.
_LEAST = 2
_TENANT = "bench"


def do_nothing(_: Any) -> dict[str, Any]:
    return {}


PACED = TaskType("Paced", Schema, "scripts.bench.rates:do_nothing", rate=1.0, burst=1)

#: By whether both cores were busy, by rate: the share that was used, and the smallest gap of two starts in intervals.
Figures = dict[str, dict[str, dict[str, float]]]


def run(seconds: float) -> Figures:
    """Each rate for so long, or for six starts."""
    figures: Figures = {}
    for name, busy in (("alone", 0), ("both cores busy", os.cpu_count() or 1)):
        with fresh() as server, _worker(server), _load(busy):
            broker = Broker.connect(BrokerSettings(redis_url=server.url), {PACED.name: PACED})
            while not broker.workers.list():
                time.sleep(0.1)
            figures[name] = {f"{rate:g}": _measure(broker, rate, max(seconds, 6 / rate)) for rate in RATES}
    return figures


def report(figures: Figures) -> str:
    heads = ["starts a second, burst 1", *(f"{name}: used" for name in figures)]
    rows = [[f"{rate:g}", *(f"{figures[name][f'{rate:g}']['used']:.2%}" for name in figures)] for rate in RATES]
    return table(heads, rows)


def _measure(broker: Broker, rate: float, seconds: float) -> dict[str, float]:
    broker.queues.configure(PACED.name, rate=rate, paused=True)
    count = int(rate * seconds) + 2
    tasks = [NewTask(PACED.name, {}) for _ in range(count)]
    ids = [
        task.id
        for first in range(0, count, _BATCH)
        for task, _ in broker.tasks.submit_many(_TENANT, tasks[first : first + _BATCH])
    ]
    broker.queues.configure(PACED.name, paused=False)
    time.sleep(seconds)
    while len(_starts(broker, ids)) < _LEAST:  # a machine that is busy with others
        time.sleep(seconds)
    broker.queues.configure(PACED.name, paused=True)
    starts = _starts(broker, ids)
    with suppress(NotCancellable):  # the rest, from the end of the queue on
        for each in reversed(ids):
            broker.tasks.cancel(_TENANT, each)
    gap = min((later - earlier) * rate / 1e6 for earlier, later in pairwise(starts))
    return {"used": (len(starts) - 1) / (starts[-1] - starts[0]) * 1e6 / rate, "gap": gap}


def _starts(broker: Broker, ids: list[str]) -> list[int]:
    """When those started that have, in microseconds."""
    return sorted(from_rfc3339(each.started_at) for each in _tasks(broker, ids) if each.started_at)


def _tasks(broker: Broker, ids: list[str]) -> Iterator[Task]:
    for first in range(0, len(ids), _BATCH):
        yield from broker.tasks.get_many(_TENANT, ids[first : first + _BATCH]).values()


@contextmanager
def _worker(server: Server) -> Iterator[None]:
    environ = {**os.environ, "REDIS_URL": server.url, "TASK_TYPES": "scripts.bench.rates:PACED"}
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.worker", PACED.name], env=environ, cwd=ROOT, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def _load(processes: int) -> Iterator[None]:
    """So many processes that do nothing but take a core each."""
    with ExitStack() as stack:
        for _ in range(processes):
            process = stack.enter_context(subprocess.Popen([sys.executable, "-c", "while True: pass"]))
            stack.callback(process.kill)
        yield
