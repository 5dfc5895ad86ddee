"""How long one video takes two workers, of one core each, beside one: from the start of its task to its end."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.config import BrokerSettings
from broker.media import paths
from broker.media.records import MediaRecord
from broker.status import TERMINAL, Status
from broker.task import NewTask, Task
from handlers.transcoding.task import VIDEO_TRANSCODING
from scripts.bench.report import table
from scripts.bench.server import Server, fresh
from scripts.bench.video import source_file

TENANT = "bench"
_PATIENCE = 3600.0

#: Seconds, those of processors, and of the busiest worker, by the number of workers; one of each for every round.
Found = dict[int, list[dict[str, float]]]


def run(seconds: int, rounds: int) -> Found:
    """In alternating rounds, a video of so many seconds."""
    found: Found = {1: [], 2: []}
    with tempfile.TemporaryDirectory() as name:
        upload = source_file(Path(name) / "source.mp4", seconds)
        for _ in range(rounds):
            for workers, figures in found.items():
                with tempfile.TemporaryDirectory() as folder, fresh() as server:
                    figures.append(_measure(Path(folder), server, upload, workers))
    return found


def report(found: Found) -> str:
    """The table."""
    one = median(each["wall"] for each in found[1])
    rows = [
        [
            f"{workers} of a core each" if workers > 1 else "1 of a core",
            f"{median(each['wall'] for each in figures):.1f}",
            f"{median(each['wall'] for each in figures) / one:.3f}",
            f"{median(each['busiest'] for each in figures):.1f}",
            f"{median(each['cpu'] for each in figures):.1f}",
        ]
        for workers, figures in found.items()
    ]
    return table(["workers for one video", "s", "of one", "CPU s of the busiest", "CPU s"], rows)


def _measure(folder: Path, server: Server, upload: Path, workers: int) -> dict[str, float]:
    settings = BrokerSettings(redis_url=server.url, data_dir=folder)
    broker = Broker.connect(settings, {VIDEO_TRANSCODING.name: VIDEO_TRANSCODING})
    with _workers(folder, server, workers):
        _wait(lambda: len(broker.workers.list()) >= workers)
        task = submit(broker, upload)
        _wait(lambda: broker.tasks.get(TENANT, task.id).status in TERMINAL)
        tasks = [broker.tasks.get(TENANT, each.id) for each in broker.tasks.page(TENANT).tasks]
    made = next(each for each in tasks if each.id == task.id)
    if made.status is not Status.COMPLETED or not made.started_at or not made.completed_at:
        raise RuntimeError(f"the video was not made: {made.error}")
    wall = (from_rfc3339(made.completed_at) - from_rfc3339(made.started_at)) / 1e6
    used = [each.usage["cpu_seconds"] for each in tasks if each.usage]
    return {"wall": wall, "cpu": sum(used), "busiest": max(used)}


def submit(broker: Broker, upload: Path) -> Task:
    video_id, task_id = str(uuid.uuid4()), str(uuid.uuid4())
    key = paths.source(TENANT, video_id)
    broker.storage.put_file(key, upload)
    record = MediaRecord(video_id, TENANT, "video", upload.name, "video/mp4", upload.stat().st_size, key, "", task_id)
    new = NewTask(VIDEO_TRANSCODING.name, {"video_id": video_id}, id=task_id)
    return broker.tasks.submit(TENANT, new, record)[0]


@contextmanager
def _workers(folder: Path, server: Server, count: int) -> Iterator[None]:
    """Each with its own core."""
    told = {"REDIS_URL": server.url, "DATA_DIR": str(folder), "WORKER_PROCESSES": "1", "VIDEO_PARALLEL": str(count)}
    cores = sorted(os.sched_getaffinity(0))
    argv = [sys.executable, "-m", "scripts.worker", VIDEO_TRANSCODING.name]
    started = []
    try:
        for number in range(count):
            with (folder / f"worker{number}.log").open("wb") as log:
                started.append(subprocess.Popen(argv, env=os.environ | told, stdout=log, stderr=log))
            os.sched_setaffinity(started[-1].pid, {cores[number % len(cores)]})
        yield
    finally:
        for process in started:
            process.send_signal(signal.SIGTERM)
        for process in started:
            process.wait()


def _wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError("the workers do not come to an end")
        time.sleep(0.05)
