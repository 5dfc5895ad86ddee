"""How long a search takes over HTTP, among many vectors: gateway and search process as the Procfile starts them.

Quiet, and beside one process per core that embeds texts all the time, as busy workers do. Every query is another one.
Of the slowest hundredth it tells what the processes did meanwhile, beside what they do for others.
The vectors are unit vectors around a hundred centres, whose values cost as much as those of any model.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import numpy as np

from broker.clock import to_rfc3339
from broker.engine.keys import Keys
from broker.media.records import MediaRecord, fields
from handlers.embedding.models.settings import EmbeddingSettings
from scripts.bench.environments import ROOT
from scripts.bench.report import table
from scripts.bench.search_documents import QUESTIONS
from scripts.bench.server import Server, fresh
from scripts.bench.watched import Watched
from scripts.formation.valkey import free_port

_TENANT, _KEY = "bench", "key-of-the-benchmarks"
_GUNICORN = ("--workers", "2", "--config", "python:scripts.web_server")
_DIMENSIONS, _CENTRES, _AT_ONCE = 384, 100, 1000
_PATIENCE = 120.0
#: A busy worker: it embeds texts, one thread to a process, as worker children do.
_BUSY = """
import os
from handlers.embedding.models.embedder import open_embedder
from handlers.embedding.models.settings import EmbeddingSettings
os.nice(10)  # as a worker's children are
encoder = open_embedder(EmbeddingSettings.from_env(os.environ))
print("busy", flush=True)
while True:
    encoder.texts(["a photo of a tench: a freshwater fish with a golden body, reddish eyes and a slimy skin"] * 16)
"""

Found = dict[str, dict[str, Any]]


def run(vectors: int, queries: int) -> Found:
    """By ``quiet`` and ``busy``: milliseconds of a search, and CPU milliseconds of the search process for it; means of
    what was watched, for the ``slowest`` hundredth and the ``others``.
    """
    with ExitStack() as stack:
        server = stack.enter_context(fresh())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        environ = {**os.environ, "REDIS_URL": server.url, "API_KEYS": f"{_TENANT}:{_KEY}", "DATA_DIR": str(folder)}
        environ |= {"PYTHONPATH": str(ROOT), "EMBED_MODEL": ""}
        _fill(server, vectors, EmbeddingSettings.from_env(environ).tag)
        port = free_port()
        gunicorn = ["-m", "gunicorn", "scripts.web:app", "--bind", f"127.0.0.1:{port}", *_GUNICORN]
        gateway = stack.enter_context(_running(gunicorn, environ, folder))
        search = stack.enter_context(_running(["-m", "scripts.search"], environ, folder))
        connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=30)))
        _until_answered(connection, folder)
        asked = iter(_queries(2 * queries + 20))
        for _ in range(20):
            _ask(connection, next(asked))
        server_pid = server.redis.info("server")["process_id"]
        watched = Watched({"search": search.pid, "gateway": gateway.pid, "server": server_pid})
        found = {"quiet": _measure(connection, asked, queries, watched)}
        for _ in range(os.cpu_count() or 1):
            busy = stack.enter_context(_running(["-c", _BUSY], environ, folder, stdout=subprocess.PIPE))
            assert busy.stdout is not None
            busy.stdout.readline()
        connection.close()  # the gateway may have closed it meanwhile; the next request opens another
        found["busy"] = _measure(connection, asked, queries, watched)
    return found


def report(found: Found) -> str:
    """The tables."""
    columns = ["p50", "p90", "p99", "max", "cpu"]
    rows = [[name, *(f"{figures[each]:.1f}" for each in columns)] for name, figures in found.items()]
    watched = [
        [f"{name}, {which}", *(f"{each:.1f}" for each in figures[which].values())]
        for name, figures in found.items()
        for which in ("others", "slowest")
    ]
    names = list(next(iter(found.values()))["others"])
    return table(["GET /api/search, ms", *columns], rows) + "\n\n" + table(["means, ms", *names], watched)


def _fill(server: Server, count: int, tag: str) -> None:
    keys, chance = Keys(), np.random.default_rng(5)
    centres = chance.standard_normal((_CENTRES, _DIMENSIONS))
    for start in range(0, count, _AT_ONCE):
        some = range(start, min(count, start + _AT_ONCE))
        made = centres[chance.integers(_CENTRES, size=len(some))] + chance.standard_normal((len(some), _DIMENSIONS))
        rows = (made / np.linalg.norm(made, axis=1, keepdims=True)).astype("<f2")
        with server.redis.pipeline(transaction=False) as pipe:
            for number, row in zip(some, rows, strict=True):
                media_id, at = str(UUID(int=number)), 1_700_000_000_000_000 + number
                named = f"IMG_{number}.jpg"
                record = MediaRecord(media_id, _TENANT, "image", named, "image/jpeg", 1, "key", to_rfc3339(at))
                pipe.hset(keys.media(media_id), mapping=fields(record))
                pipe.zadd(keys.media_index(_TENANT, "image"), {media_id: at})
                pipe.hset(keys.vectors(_TENANT, tag), media_id, b"image 1\n" + row.tobytes())
            pipe.execute()
    server.redis.sadd(keys.vector_models(_TENANT), tag)
    server.redis.sadd(keys.tenants(), _TENANT)


@contextmanager
def _running(
    arguments: list[str], environ: dict[str, str], folder: Path, **options: Any
) -> "Iterator[subprocess.Popen[str]]":
    with (folder / "log").open("a") as log:
        streams = {"stdout": log, "stderr": log, **options}
        process = subprocess.Popen([sys.executable, *arguments], env=environ, cwd=ROOT, text=True, **streams)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _queries(count: int) -> list[str]:
    questions = [question for each in QUESTIONS.values() for question in each]
    return [f"{questions[number % len(questions)]} {number}" for number in range(count)]


def _until_answered(connection: HTTPConnection, folder: Path) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        try:
            if _ask(connection, "anything", ok=(200, 503)) == 200:
                return
        except OSError:
            connection.close()
        time.sleep(0.2)
    raise RuntimeError(f"nothing can be searched:\n{(folder / 'log').read_text()[-2000:]}")


def _measure(connection: HTTPConnection, asked: Iterator[str], count: int, watched: Watched) -> dict[str, Any]:
    taken: list[dict[str, float]] = []
    for _ in range(count):
        before, started = watched.read(), time.perf_counter()
        _ask(connection, next(asked))
        total, after = (time.perf_counter() - started) * 1000, watched.read()
        taken.append({"total": total, **{name: after[name] - each for name, each in before.items()}})
    totals = [each["total"] for each in taken]
    hundredths = statistics.quantiles(totals, n=100)
    figures = {f"p{each}": hundredths[each - 1] for each in (50, 90, 99)}
    slowest = sorted(taken, key=lambda each: each["total"])[-max(1, count // 100) :]
    others = [each for each in taken if each not in slowest]
    return {
        **figures,
        "max": max(totals),
        "cpu": statistics.fmean(each["search ran"] for each in taken),
        "slowest": _means(slowest),
        "others": _means(others),
    }


def _means(watched: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.fmean(each[name] for each in watched) for name in watched[0]}


def _ask(connection: HTTPConnection, query: str, ok: tuple[int, ...] = (200,)) -> int:
    connection.request("GET", f"/api/search?q={quote(query)}", headers={"Authorization": f"Bearer {_KEY}"})
    response = connection.getresponse()
    answer = response.read()
    if response.status not in ok:
        raise RuntimeError(f"{response.status}: {answer[:500]!r}")
    return response.status
