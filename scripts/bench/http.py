"""Submitting tasks over HTTP: the gateway against the same gunicorn answering a constant with Flask, in turns; and in
batches."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from broker.engine.keys import Keys
from scripts.bench import tasks
from scripts.bench.environments import PROGRAMS, ROOT
from scripts.bench.report import table
from scripts.bench.server import Server, fresh
from scripts.formation.valkey import free_port

#: As the Procfile serves.
_GUNICORN = ("--workers", "2", "--config", "python:scripts.web_server")
_APPS = {"gateway": "scripts.web:app", "constant": "constant_web:app"}
#: Connections that are kept open. With few of them one worker process often gets twice as many as the other.
_CLIENTS = 32
_BATCH = 1000
_KEY = "key-of-the-benchmarks"
_TASK = {"type": "EmbeddingGeneration", "payload": tasks.PAYLOAD}
#: What each row sends: to which application, where, and what.
_ROWS = {
    "gateway": ("gateway", "/api/tasks", json.dumps(_TASK)),
    "constant": ("constant", "/api/tasks", json.dumps(_TASK)),
    "batch": ("gateway", "/api/tasks/batch", json.dumps({"tasks": [_TASK] * _BATCH})),
}
_PATIENCE = 60.0

Found = dict[str, list[dict[str, float]]]


def run(rounds: int, requests: int) -> Found:
    """For each row and round: tasks per second, and the median and 99th percentile latency of a request in ms."""
    found: Found = {name: [] for name in _ROWS}
    batches = max(_CLIENTS, requests * 10 // _BATCH)
    with ExitStack() as stack:
        server = stack.enter_context(fresh())
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))
        ports = {name: stack.enter_context(_serving(app, server, Path(folder))) for name, app in _APPS.items()}
        for number in range(rounds + 1):
            for name, (app, *sent) in _ROWS.items():
                figures = _load(ports[app], batches if name == "batch" else requests, *sent)
                if number:  # the first round warms up
                    found[name].append(figures)
        waiting = server.redis.llen(Keys().rq_queue("EmbeddingGeneration"))
        expected = (rounds + 1) * (requests + batches * _BATCH) + 1  # one saw whether it answers
        if waiting != expected:
            raise RuntimeError(f"{waiting} tasks are waiting after {expected} submissions")
    return found


@contextmanager
def _serving(app: str, server: Server, folder: Path) -> Iterator[int]:
    """An application behind gunicorn; its port."""
    port = free_port()
    environ = {
        **os.environ,
        "REDIS_URL": server.url,
        "API_KEYS": f"bench:{_KEY}",
        "DATA_DIR": str(folder),
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(PROGRAMS)]),
    }
    command = [sys.executable, "-m", "gunicorn", app, "--bind", f"127.0.0.1:{port}", *_GUNICORN]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(command, env=environ, cwd=folder, stdout=log, stderr=log)
    try:
        _wait_for(port, folder / "log")
        yield port
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int, log: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            with closing(HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
                _post(connection, *_ROWS["constant"][1:])
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError(f"gunicorn does not answer:\n{log.read_text()[-2000:]}")


def _load(port: int, requests: int, path: str, body: str) -> dict[str, float]:
    """Submissions from a few connections that are kept open."""
    latencies: list[float] = []
    shares = [requests // _CLIENTS + (number < requests % _CLIENTS) for number in range(_CLIENTS)]
    threads = [threading.Thread(target=_client, args=(port, share, path, body, latencies)) for share in shares]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - started
    latencies.sort()
    if len(latencies) != requests:
        raise RuntimeError(f"only {len(latencies)} of {requests} requests were answered")
    return {
        "rate": requests / seconds * (_BATCH if path.endswith("/batch") else 1),
        "p50": latencies[len(latencies) // 2] * 1000,
        "p99": latencies[int(len(latencies) * 0.99)] * 1000,
    }


def _client(port: int, requests: int, path: str, body: str, latencies: list[float]) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    for _ in range(requests):
        started = time.perf_counter()
        _post(connection, path, body)
        latencies.append(time.perf_counter() - started)
    connection.close()


def _post(connection: HTTPConnection, path: str, body: str) -> Any:
    headers = {"Authorization": f"Bearer {_KEY}", "Content-Type": "application/json"}
    connection.request("POST", path, body, headers)
    response = connection.getresponse()
    answer = response.read()
    if response.status != 201:
        raise RuntimeError(f"{response.status}: {answer[:500]!r}")
    return answer


def report(found: Found) -> str:
    """The table."""
    rows = []
    for name, figures in found.items():
        medians = {key: statistics.median(each[key] for each in figures) for key in figures[0]}
        rows.append([name, f"{medians['rate']:,.0f}", f"{medians['p50']:.1f}", f"{medians['p99']:.1f}"])
    ratios = [a["rate"] / b["rate"] for a, b in zip(found["gateway"], found["constant"], strict=True)]
    rows.append(["gateway / constant", f"{statistics.median(ratios):.2f}", "", ""])
    return table(["POST /api/tasks, /batch of 1,000", "tasks/s", "p50 ms", "p99 ms"], rows)
