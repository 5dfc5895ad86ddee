"""Embedding through the queue, several tasks at once and one by one, beside the bare encoder on the same files.

A worker process for each way and no rate limit; the ways take turns with each kind of files. All cost is processor
time, of the child and the decoder that it has read files, because other programs may use the same cores.
"""

import io
import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.media.records import MediaRecord
from broker.status import Status
from broker.task import NewTask
from broker.task_type import TaskType
from handlers.embedding.task import EMBEDDING_GENERATION
from scripts.bench.embedding_samples import Sample, samples
from scripts.bench.environments import ROOT
from scripts.bench.report import table
from scripts.bench.server import Server, fresh

_TENANT = "bench"
#: Task types as a worker of this benchmark has them.
TOGETHER = replace(EMBEDDING_GENERATION, rate=None, burst=1)
ONE_BY_ONE = replace(TOGETHER, batch="")
_TOGETHER, _ONE_BY_ONE = "several at once", "one by one"
_WAYS = {_TOGETHER: "TOGETHER", _ONE_BY_ONE: "ONE_BY_ONE"}
_BARE, _BARE_ONE, _BARE_DECODING = "bare, best batch", "bare, one by one", "bare, with decoding"

#: By kind of files: milliseconds of processor time of a file, by way, in each round.
Figures = dict[str, dict[str, list[float]]]


def run(count: int, rounds: int) -> Figures:
    """So many short texts, fewer of the rest."""
    found: Figures = {}
    with TemporaryDirectory() as folder, ExitStack() as stack:
        queues = {way: stack.enter_context(_queue(name, folder)) for way, name in _WAYS.items()}
        bare = stack.enter_context(_bare_encoder(folder))
        chosen = samples(count)
        for kind, files in chosen.items():
            for queue in queues.values():
                queue.drain(files)  # labels that are seen first, and what is loaded when it is first needed
            found[kind] = {}
        for _ in range(rounds):
            for kind, files in chosen.items():
                for way in random.sample([*queues, _BARE], len(queues) + 1):
                    costs = bare(files) if way == _BARE else {way: queues[way].cost(files)}
                    for name, ms in costs.items():
                        found[kind].setdefault(name, []).append(ms)
    return found


def report(figures: Figures) -> str:
    """Medians, and what several at once come to of the others' rates: above 1 they are faster."""
    ways = [_TOGETHER, _ONE_BY_ONE, _BARE, _BARE_ONE, _BARE_DECODING]
    rows = []
    for kind, row in figures.items():
        ms = _medians(row)
        rate = {way: f"{ms[way] / ms[_TOGETHER]:.2f}" for way in ms}
        of_bare = rate.get(_BARE_DECODING) or rate.get(_BARE, "")
        rows.append([kind, *(f"{ms[way]:.1f}" if way in ms else "" for way in ways), rate[_ONE_BY_ONE], of_bare])
    heads = ["ms of CPU a file", *ways, "of one by one", "of bare"]
    return table(heads, rows)


def _medians(row: dict[str, list[float]]) -> dict[str, float]:
    """By way; the best batch is that of the best median."""
    found = {way: median(each) for way, each in row.items()}
    sizes = [found.pop(way) for way in list(found) if way.isdigit()]
    if sizes:
        found |= {_BARE: min(sizes), _BARE_ONE: sizes[-1]}
    return found


class _Queue:
    """A worker of one way, with a server of its own."""

    def __init__(self, broker: Broker, type_name: str, pid: int) -> None:
        self._broker, self._type, self._pid = broker, type_name, pid

    def cost(self, files: Sequence[Sample]) -> float:
        before = _cpu(self._pid)
        self.drain(files)
        return (_cpu(self._pid) - before) / len(files) * 1000

    def drain(self, files: Sequence[Sample]) -> None:
        """All wait before the first begins."""
        broker = self._broker
        broker.queues.configure(self._type, paused=True)
        for each in files:
            media_id = str(uuid.uuid4())
            key = f"{_TENANT}/{media_id}/source"
            broker.storage.put(key, io.BytesIO(each.data))
            facts = each.kind, each.filename, each.content_type, len(each.data), key, "2024-01-01T00:00:00Z"
            payload = {"entity_type": each.kind, "entity_id": media_id}
            broker.tasks.submit(_TENANT, NewTask(self._type, payload), MediaRecord(media_id, _TENANT, *facts))
        broker.queues.configure(self._type, paused=False)
        while (stats := broker.tasks.stats(_TENANT)).by_status[Status.COMPLETED] < stats.total:
            if stats.by_status[Status.FAILED]:
                raise RuntimeError("a file could not be embedded")
            time.sleep(0.05)


@contextmanager
def _queue(name: str, folder: str) -> Iterator[_Queue]:
    task_type: TaskType = globals()[name]
    with fresh() as server, _worker(server, name, folder) as pid:
        settings = BrokerSettings(redis_url=server.url, data_dir=Path(folder))
        yield _Queue(Broker.connect(settings, {task_type.name: task_type}), task_type.name, pid)


@contextmanager
def _worker(server: Server, name: str, folder: str) -> Iterator[int]:
    program = (
        "import os\n"
        "from broker.config import BrokerSettings\n"
        "from broker.worker.supervisor import run\n"
        f"from scripts.bench.embedding import {name}\n"
        f"run(BrokerSettings.from_env({{**os.environ, 'WORKER_PROCESSES': '1'}}), {{{name}.name: {name}}})\n"
    )
    environ = {**_environ(folder), "REDIS_URL": server.url}
    worker = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, env=environ, stderr=subprocess.DEVNULL)
    try:
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait(60)


@contextmanager
def _bare_encoder(folder: str) -> Iterator[Any]:
    """Calls answer milliseconds of processor time of a file by way, or by the size of a batch; nothing for a mix."""
    argv = [sys.executable, "-m", "scripts.bench.bare_encoder"]
    program = subprocess.Popen(
        argv, cwd=ROOT, env=_environ(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )

    def ask(question: dict[str, Any]) -> dict[str, float]:
        print(json.dumps(question), file=program.stdin, flush=True)
        assert program.stdout
        answer: dict[str, float] = json.loads(program.stdout.readline())
        return answer

    def bare(files: Sequence[Sample]) -> dict[str, float]:
        kinds = {each.kind for each in files}
        if kinds == {"document"}:
            return ask({"texts": [each.data.decode() for each in files]})
        if kinds != {"image"}:
            return {}
        with TemporaryDirectory() as own:
            named = [(Path(own) / str(number), each) for number, each in enumerate(files)]
            for path, each in named:
                path.write_bytes(each.data)
            found = ask({"pictures": [(str(path), each.filename) for path, each in named]})
        return {_BARE: found["look"], _BARE_DECODING: found["decode and look"]}

    try:
        yield bare
    finally:
        program.communicate()


def _environ(folder: str) -> dict[str, str]:
    return {**os.environ, "DATA_DIR": folder, "OMP_NUM_THREADS": "1"}


def _cpu(pid: int) -> float:
    """Seconds of processor time of a process and all below it (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(_cpu(int(child)) for child in children)
