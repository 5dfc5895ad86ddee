"""What it costs to kill the whole worker that makes a video, again and again: processor seconds, beside none killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle, repeat
from pathlib import Path

from broker.broker import Broker
from broker.config import BrokerSettings
from broker.status import TERMINAL, Status
from broker.worker import processes
from handlers.transcoding.ffmpeg import binary
from handlers.transcoding.task import VIDEO_TRANSCODING
from scripts.bench.report import table
from scripts.bench.server import Server, fresh
from scripts.bench.video_workers import TENANT, submit

_PATIENCE, _LOOK = 7200.0, 0.1
#: A process' own seconds in ``/proc/<pid>/stat`` behind its name, in ticks, and those of its ended children.
_OWN, _CHILDREN = slice(11, 13), slice(13, 15)

#: Processor seconds of ffmpeg and of all of the workers, and seconds of the clock.
Cost = dict[str, float]


def run(seconds: int, kills: int) -> dict[str, Cost]:
    """A video of so many seconds and 1280 by 720 pixels, whose worker is killed so often, at even distances.

    Beside it one whose worker lives: both are made at the same time.
    """
    even = [100 * (number + 1) / (kills + 1) for number in range(kills)]
    processes.adopt_orphans()  # their seconds would be lost with whoever started them
    with tempfile.TemporaryDirectory() as name:
        upload = _source(Path(name) / "source.mp4", seconds)
        rows = {"no worker killed": [], f"killed {kills} times": even}
        cores = sorted(os.sched_getaffinity(0))
        with ThreadPoolExecutor(len(rows)) as side_by_side:
            made = side_by_side.map(_bound, cycle(cores), repeat(upload), rows.values())
            return dict(zip(rows, made, strict=True))


def _bound(core: int, upload: Path, at: Sequence[float]) -> Cost:
    """On a core of its own, because from one minute to the next the same work takes a machine longer."""
    os.sched_setaffinity(0, {core})  # of this thread, and of all that it starts
    with tempfile.TemporaryDirectory() as folder, fresh() as server:
        return _measure(Path(folder), server, upload, at)


def report(found: dict[str, Cost]) -> str:
    """The table."""
    whole = next(iter(found.values()))
    rows = [
        [row, *(text for each in ("ffmpeg", "all") for text in _beside(cost, whole, each)), f"{cost['wall']:.0f}"]
        for row, cost in found.items()
    ]
    return table(["a video", "CPU s of ffmpeg", "of none", "CPU s of the workers", "of none", "s"], rows)


def _beside(cost: Cost, whole: Cost, name: str) -> tuple[str, str]:
    return f"{cost[name]:.1f}", f"{cost[name] / whole[name]:.3f}"


def _source(path: Path, seconds: int) -> Path:
    inputs = ("-f", "lavfi", "-i", f"testsrc2=s=1280x720:r=25:d={seconds}", "-f", "lavfi", "-i")
    coded = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "100", "-pix_fmt", "yuv420p", "-c:a", "aac")
    argv = [binary(), "-nostdin", "-v", "fatal", *inputs, f"anoisesrc=a=0.1:d={seconds}", *coded, str(path)]
    subprocess.run(argv, check=True)
    return path


def _measure(folder: Path, server: Server, upload: Path, at: Sequence[float]) -> Cost:
    broker = Broker.connect(
        BrokerSettings(redis_url=server.url, data_dir=folder), {VIDEO_TRANSCODING.name: VIDEO_TRANSCODING}
    )
    environ = {**os.environ, "REDIS_URL": server.url, "DATA_DIR": str(folder), "WORKER_PROCESSES": "1"}
    task_id, cost, began = submit(broker, upload).id, {"ffmpeg": 0.0, "all": 0.0}, time.monotonic()

    def percent() -> float:
        task = broker.tasks.get(TENANT, task_id)
        if task.status in TERMINAL and task.status is not Status.COMPLETED:
            raise RuntimeError(f"the video was not made: {task.error}")
        return 101.0 if task.status is Status.COMPLETED else (task.progress or {}).get("percent", 0.0)

    with _started("broker", environ=environ):
        for percents in (*at, 101.0):
            with _started("scripts.worker", VIDEO_TRANSCODING.name, environ=environ) as worker:
                _wait(percent, percents)
                tree = [worker.pid, *processes.descendants(worker.pid)]
                cost["ffmpeg"] += sum(map(_of_ffmpeg, tree))
                worker.returncode = -signal.SIGKILL  # it is waited for with the others
                cost["all"] += _kill(tree)
    return cost | {"wall": time.monotonic() - began}


def _kill(tree: list[int]) -> float:
    """Processor seconds of all, who become children of this process when whoever made them is dead."""
    used, left = 0.0, set(tree)
    for pid in tree:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    while left:
        for pid in tuple(left):
            try:
                dead, _, told = os.wait4(pid, os.WNOHANG)
            except ChildProcessError:  # not yet, or its maker has waited for it
                dead, told = 0 if Path(f"/proc/{pid}").exists() else pid, None
            if dead:
                left.remove(pid)
            if dead and told:
                used += told.ru_utime + told.ru_stime
        time.sleep(_LOOK / 10)
    return used


def _of_ffmpeg(pid: int) -> float:
    """Seconds that it has used, or whoever it has started and outlived: a worker's child starts little else."""
    try:
        name, _, told = Path(f"/proc/{pid}/stat").read_text().partition("(")[2].rpartition(")")
    except OSError:
        return 0.0
    fields = told.split()
    used = fields[_OWN] if "ffmpeg" in name else fields[_CHILDREN]
    return sum(map(int, used)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _started(module: str, *words: str, environ: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-m", module, *words], env=environ, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait()


def _wait(percent: Callable[[], float], least: float) -> None:
    end = time.monotonic() + _PATIENCE
    while percent() < least:
        if time.monotonic() > end:
            raise RuntimeError("the video does not come to an end")
        time.sleep(_LOOK)
