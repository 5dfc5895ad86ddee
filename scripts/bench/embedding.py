"""Documents through the queue, several at once and one by one, beside the bare encoder on the same texts.

One worker process and no rate limit. All cost is processor time, of the child and the decoder that it has read files,
because other programs may use the same cores.
"""

import io
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.media.records import MediaRecord
from broker.status import Status
from broker.task import NewTask
from broker.task_type import TaskType
from handlers.embedding.task import EMBEDDING_GENERATION
from scripts.bench.environments import ROOT
from scripts.bench.report import table
from scripts.bench.server import Server, fresh

_TENANT = "bench"
#: Task types as a worker of this benchmark has them.
TOGETHER = replace(EMBEDDING_GENERATION, rate=None, burst=1)
ONE_BY_ONE = replace(TOGETHER, batch="")
_WAYS = {"several at once": "TOGETHER", "one by one": "ONE_BY_ONE"}
_WORDS = ["harbour", "night", "ships", "home", "people", "wait", "rain", "news", "spring", "where", "come", "and"]

#: By kind of text: milliseconds of processor time of a text, by way.
Figures = dict[str, dict[str, float]]


def run(count: int) -> Figures:
    """So many documents of each kind."""
    figures: Figures = {}
    for kind, texts in {"short": _texts(count, 6, 7), "mixed": _texts(count, 6, 60)}.items():
        figures[kind] = {way: _queue(name, texts) for way, name in _WAYS.items()} | _bare(texts)
    return figures


def report(figures: Figures) -> str:
    ways = list(next(iter(figures.values())))
    return table(
        ["ms of CPU a text", *ways], [[kind, *(f"{row[way]:.1f}" for way in ways)] for kind, row in figures.items()]
    )


def _texts(count: int, least: int, most: int) -> list[str]:
    """All different."""
    lengths = [least + number * 7 % (most - least + 1) for number in range(count)]
    return [f"{number} " + " ".join((_WORDS * 7)[number % 17 :][:length]) for number, length in enumerate(lengths)]


def _queue(name: str, texts: list[str]) -> float:
    with TemporaryDirectory() as folder, fresh() as server:
        task_type: TaskType = globals()[name]
        broker = Broker.connect(
            BrokerSettings(redis_url=server.url, data_dir=Path(folder)), {task_type.name: task_type}
        )
        broker.queues.configure(task_type.name, paused=True)
        with _worker(server, name, folder) as pid:
            _drain(broker, task_type.name, [f"warm {number}" for number in range(2)])
            before = _cpu(pid)
            _drain(broker, task_type.name, texts)
            return (_cpu(pid) - before) / len(texts) * 1000


def _drain(broker: Broker, type_name: str, texts: list[str]) -> None:
    broker.queues.configure(type_name, paused=True)
    for text in texts:
        media_id = str(uuid.uuid4())
        key = f"{_TENANT}/{media_id}/source.txt"
        broker.storage.put(key, io.BytesIO(text.encode()))
        record = MediaRecord(
            media_id, _TENANT, "document", "d.txt", "text/plain", len(text), key, "2024-01-01T00:00:00Z"
        )
        broker.tasks.submit(_TENANT, NewTask(type_name, {"entity_type": "document", "entity_id": media_id}), record)
    broker.queues.configure(type_name, paused=False)
    while (stats := broker.tasks.stats(_TENANT)).by_status[Status.COMPLETED] < stats.total:
        if stats.by_status[Status.FAILED]:
            raise RuntimeError("a document could not be embedded")
        time.sleep(0.05)


def _bare(texts: list[str]) -> dict[str, float]:
    """The encoder alone, in another process: its best batch of texts sorted by length, and one by one."""
    program = (
        "import os, sys, time\n"
        "from handlers.embedding.embedder import open_embedder\n"
        "from handlers.embedding.settings import EmbeddingSettings\n"
        "encoder = open_embedder(EmbeddingSettings.from_env(dict(os.environ)))\n"
        "texts = sorted(sys.stdin.read().splitlines(), key=len)\n"
        "for size in (16, 8, 4, 1):\n"
        "    began = time.process_time()\n"
        "    for at in range(0, len(texts), size): encoder.texts(texts[at : at + size])\n"
        "    print(size, (time.process_time() - began) / len(texts) * 1000)\n"
    )
    lines = subprocess.run(
        [sys.executable, "-c", program], input="\n".join(texts), cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    found = {int(size): float(ms) for size, ms in (line.split() for line in lines.splitlines())}
    return {"bare, best batch": min(found.values()), "bare, one by one": found[1]}


@contextmanager
def _worker(server: Server, name: str, folder: str) -> Iterator[int]:
    environ: Mapping[str, Any] = {
        **os.environ,
        "REDIS_URL": server.url,
        "DATA_DIR": folder,
        "OMP_NUM_THREADS": "1",
    }
    program = (
        "import os\n"
        "from broker.config import BrokerSettings\n"
        "from broker.worker.supervisor import run\n"
        f"from scripts.bench.embedding import {name}\n"
        f"run(BrokerSettings.from_env({{**os.environ, 'WORKER_PROCESSES': '1'}}), {{{name}.name: {name}}})\n"
    )
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait(60)


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process and all below it that live (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_cpu(int(child)) for child in children)
