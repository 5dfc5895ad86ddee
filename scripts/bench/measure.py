"""One measurement of one peer on a fresh server: submit, drain, then tasks one by one to idle workers."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from scripts.bench.crew import Crew
from scripts.bench.machine import ForeignCpu
from scripts.bench.peers import Peer
from scripts.bench.server import Server, fresh

_POLL = 0.02
#: Without a sign of progress for so long, a drain will not end any more.
_STALLED = 30.0


@dataclass(frozen=True)
class Effort:
    """How much is done: tasks submitted one by one where there is a bulk call too, and stamped tasks."""

    share: float = 1.0
    singles: int = 3_000
    stamped: int = 200

    def tasks(self, peer: Peer) -> int:
        return max(100, int(peer.tasks * self.share))


def measure(peer: Peer, effort: Effort) -> dict[str, float]:
    """Rates in tasks per second, latencies in ms, CPU in microseconds per task, memory in bytes per task."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, fresh(durable=peer.durable) as server:
        crew = Crew(peer, server.url, Path(folder))
        crew.produce("one", 10)  # what exists once per server is there before its memory is read
        memory = server.memory()
        found, submitted = _submit(peer, effort, crew, server)
        found["bytes_waiting"] = (server.memory() - memory) / submitted
        with crew.workers() as workers:
            try:
                found |= _drain(peer, submitted + 11, server)
                found["bytes_finished"] = (server.memory() - memory) / submitted
                found |= _latency(effort, crew, Path(folder) / "latencies")
            except TimeoutError as error:
                raise RuntimeError(f"{peer.name}: {error}\n{crew.log()}") from error
            if any(worker.poll() is not None for worker in workers):
                raise RuntimeError(f"a process of {peer.name} ended\n{crew.log()}")
    return found


def _submit(peer: Peer, effort: Effort, crew: Crew, server: Server) -> tuple[dict[str, float], int]:
    """What submitting cost, and how many tasks it submitted."""
    total = effort.tasks(peer)
    singles = min(effort.singles, total // 2) if peer.bulk else total
    used = server.cpu_us()
    found = {"submit": singles / crew.produce("one", singles)}
    found["submit_cpu"] = (server.cpu_us() - used) / singles
    if not peer.bulk:
        return found, singles + 1
    found["submit_bulk"] = (total - singles) / crew.produce("many", total - singles)
    return found, total + 2


def _drain(peer: Peer, submitted: int, server: Server) -> dict[str, float]:
    """From a tenth of the tasks, when all workers have started, to the last."""

    def done() -> int:
        return peer.done(server.redis, submitted)

    first, foreign, used, started = 0, ForeignCpu(), server.cpu_us(), time.perf_counter()
    begun = _wait(done, submitted // 10)
    if begun < submitted:  # else it was over before it could be seen to begin: the workers' start is part of it
        first, foreign, used, started = begun, ForeignCpu(), server.cpu_us(), time.perf_counter()
    last = _wait(done, submitted)
    seconds = time.perf_counter() - started
    cpu = (server.cpu_us() - used) / (last - first)
    return {"drain": (last - first) / seconds, "drain_cpu": cpu, "seconds": seconds, "foreign": foreign.share()}


def _latency(effort: Effort, crew: Crew, file: Path) -> dict[str, float]:
    crew.produce("stamped", effort.stamped)
    _wait(lambda: len(file.read_text().split()), effort.stamped)
    late = sorted(int(line) / 1e6 for line in file.read_text().split())
    return {"p50": late[len(late) // 2], "p99": late[int(len(late) * 0.99)]}


def _wait(done: Callable[[], int], wanted: int) -> int:
    """Until so many tasks are done; returns how many are. Raises ``TimeoutError`` when it does not go on."""
    progress, since = -1, time.monotonic()
    while (now_done := done()) < wanted:
        now = time.monotonic()
        if now_done > progress:
            progress, since = now_done, now
        if now - since > _STALLED:
            raise TimeoutError(f"stuck at {progress} of {wanted} tasks")
        time.sleep(_POLL)
    return now_done
