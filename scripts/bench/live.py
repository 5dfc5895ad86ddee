"""Live events: how late they come to many listeners on the gateway that the Procfile names, and what it takes."""

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.engine.transitions import Claim, Claimed
from broker.task import NewTask
from handlers.plugin_execution.task import PLUGIN_EXECUTION
from scripts.bench.environments import PROGRAMS, ROOT
from scripts.bench.report import table
from scripts.bench.server import Server, fresh
from scripts.formation.valkey import free_port

_KEY = "key-of-the-benchmarks"
_MEDIA = "550e8400-e29b-41d4-a716-446655440000"
#: Changes of a status per second.
_PACE = 20
_PATIENCE = 60.0

Figures = dict[str, float]


def run(listeners: int, events: int) -> Figures:
    """Lags in ms from Redis' clock at the change to the listener's read, and the memory of all its processes in MiB.

    ``rss`` counts pages that processes share once for each, ``pss`` once.
    """
    with fresh() as server, tempfile.TemporaryDirectory(prefix="bench-") as folder, _gateway(server, folder) as found:
        port, gateway = found
        idle = _memory(gateway)
        arguments = [str(port), _KEY, str(listeners), str(events)]
        client = [sys.executable, str(PROGRAMS / "live_clients.py"), *arguments]
        with subprocess.Popen(client, stdout=subprocess.PIPE, text=True) as clients:
            assert clients.stdout is not None
            if clients.stdout.readline() != "ready\n":
                raise RuntimeError("not everybody could listen")
            ordinary = _make_events(server, events, port)
            lags = json.loads(clients.stdout.readline())
            busy = _memory(gateway)
    if len(lags) != listeners * events:
        raise RuntimeError(f"{len(lags)} of {listeners * events} events came")
    return {
        "listeners": listeners,
        "p50": lags[len(lags) // 2],
        "p95": lags[int(len(lags) * 0.95)],
        "max": lags[-1],
        "ordinary": max(ordinary),
        "idle rss": idle["Rss"],
        "rss": busy["Rss"],
        "pss": busy["Pss"],
    }


def _make_events(server: Server, events: int, port: int) -> list[float]:
    """Changes of status at a steady pace; ordinary requests between them, how long each took in ms."""
    broker = Broker.connect(BrokerSettings(redis_url=server.url), {PLUGIN_EXECUTION.name: PLUGIN_EXECUTION})
    broker.queues.configure(PLUGIN_EXECUTION.name, rate=None)
    took = []
    for number in range(events):
        if number % 2 == 0:
            payload = {"plugin_name": "checksum", "media_id": _MEDIA}
            broker.tasks.submit("bench", NewTask(PLUGIN_EXECUTION.name, payload))
        else:
            claim = Claim("bench", str(number), PLUGIN_EXECUTION.name, 60_000_000)
            assert isinstance(broker.transitions.claim(claim), Claimed)
        started = time.perf_counter()
        _get(port)
        took.append((time.perf_counter() - started) * 1000)
        time.sleep(1 / _PACE)
    return took


def _get(port: int) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/api/tasks?limit=1", headers={"Authorization": f"Bearer {_KEY}"})
    if connection.getresponse().status != 200:
        raise RuntimeError("the gateway refuses ordinary requests")
    connection.close()


@contextmanager
def _gateway(server: Server, folder: str) -> Iterator[tuple[int, int]]:
    """The Procfile's web line; its port and the id of its first process."""
    port = free_port()
    (line,) = [each for each in (ROOT / "Procfile").read_text().splitlines() if each.startswith("web: python ")]
    line = line.replace("${HOST:-0.0.0.0}:${PORT:-8000}", f"127.0.0.1:{port}").replace("${WEB_CONCURRENCY:-2}", "2")
    command = [sys.executable, *shlex.split(line.removeprefix("web: python "))]
    environ = {**os.environ, "REDIS_URL": server.url, "API_KEYS": f"bench:{_KEY}", "DATA_DIR": folder}
    with (Path(folder) / "log").open("w") as log:
        process = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=log, stderr=log)
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return _get(port)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _memory(pid: int) -> Figures:
    """MiB of a process and its children (Linux, proc(5) smaps_rollup)."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    total = {"Rss": 0.0, "Pss": 0.0}
    for each in (str(pid), *children):
        for line in Path(f"/proc/{each}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in total:
                total[name] += int(value.split()[0]) / 1024
    return total


def report(found: Figures) -> str:
    """The table."""
    heads = ["listeners", "p50 ms", "p95 ms", "max ms", "slowest GET ms", "idle RSS MiB", "RSS MiB", "PSS MiB"]
    return table(heads, [[f"{value:,.0f}" for value in found.values()]])
