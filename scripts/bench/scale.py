"""The same calls with a thousand and with a million finished tasks, in turns, and what pruning the million costs."""

import statistics
import time
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.config import BrokerSettings
from broker.daemon.prune import Prune
from broker.engine.transitions import Claim, Claimed, Transitions
from broker.status import Status
from broker.task import NewTask
from broker.tasks.places import Order, Place
from broker.tasks.task_filters import Wanted
from scripts.bench import pipelines, tasks
from scripts.bench.report import table
from scripts.bench.server import Server, fresh

_TENANT = "acme"
_TYPE = "EmbeddingGeneration"
#: No script may take longer, in milliseconds. The server notes the arguments of those that do; were it more, what it
#: keeps of them would lie between the pruned tasks and change what is measured.
_SLOW_MS = 5

Found = dict[str, Any]


def run(small: int, large: int, repetitions: int) -> Found:
    """Medians in ms at both sizes, and how the larger was pruned."""
    with ExitStack() as stack:
        sites = [Site(stack.enter_context(fresh()), size) for size in (small, large)]
        for site in sites:
            site.fill()
        filling = sites[1].slowest()
        calls = _time([site.calls() for site in sites], repetitions)
        return {"sizes": [small, large], "calls": calls, "filling": filling, "pruning": sites[1].prune()}


def _time(sites: list[dict[str, Callable[[], Any]]], repetitions: int) -> dict[str, list[float]]:
    """Every call in turns on both servers: its median in ms on each."""
    found: dict[str, list[float]] = {}
    for name in sites[0]:
        times: list[list[float]] = [[], []]
        for _ in range(repetitions):
            for taken, calls in zip(times, sites, strict=True):
                started = time.perf_counter()
                calls[name]()
                taken.append((time.perf_counter() - started) * 1000)
        found[name] = [statistics.median(each) for each in times]
    return found


class Site:
    """A server with so many finished tasks, as many of each type."""

    def __init__(self, server: Server, size: int) -> None:
        self._size = size
        self._server = server
        self._redis = server.redis
        self._settings = BrokerSettings(redis_url=server.url, retention_days=0.0, data_dir=Path("unused"))
        self._broker = Broker.connect(self._settings, tasks.TYPES)
        self._ids: list[str] = []
        self._claimed: list[tuple[str, str]] = []
        self._watch()

    def fill(self) -> None:
        """By the real scripts; the types take turns, so that a page of all of them has to merge."""
        share = max(1, min(500, self._size // 9))
        for number in range(0, self._size, share):
            kind = tasks.kind(tasks.NAMES[number // share % 3])
            ids = pipelines.submit(self._broker, kind, min(share, self._size - number))
            pipelines.finish(self._broker, kind, ids)
            self._ids.append(ids[0])

    def calls(self) -> dict[str, Callable[[], Any]]:
        """What is timed, by name. There are as many calls of each, so every claim and finish has its task."""
        page, find, half = self._broker.tasks.page, self._broker.tasks.find, self._size // 2
        completed, newest = Wanted(statuses=(Status.COMPLETED,)), Place(Order.NEWEST)
        rare = Wanted(error="none of them has this")
        middle = self._ids[len(self._ids) // 2]
        until = from_rfc3339(self._broker.tasks.get(_TENANT, middle).created_at)
        return {
            "page": lambda: page(_TENANT),
            "page, from the middle": lambda: page(_TENANT, offset=half),
            "page of a status": lambda: page(_TENANT, completed),
            "page of a status, from the middle": lambda: page(_TENANT, completed, offset=half),
            "page of a type": lambda: page(_TENANT, Wanted(types=(_TYPE,))),
            "page of a type and a status": lambda: page(_TENANT, Wanted(statuses=(Status.COMPLETED,), types=(_TYPE,))),
            "page up to a time": lambda: page(_TENANT, Wanted(end_us=until)),
            "page of a status up to a time": lambda: page(_TENANT, Wanted(statuses=(Status.COMPLETED,), end_us=until)),
            "page by cursor": lambda: find(_TENANT, Wanted(end_us=until), newest, 50),
            "page by the end": lambda: find(_TENANT, Wanted(), Place(Order.ENDED_LAST), 50),
            "page by an error, until patience ends": lambda: find(_TENANT, rare, newest, 50),
            "stats": lambda: self._broker.tasks.stats(_TENANT),
            "detail": lambda: self._broker.tasks.get(_TENANT, middle),
            "submit": lambda: self._broker.tasks.submit(_TENANT, NewTask(_TYPE, tasks.PAYLOAD)),
            "claim": self._claim,
            "finish": self._finish,
        }

    def _claim(self) -> None:
        execution = uuid.uuid4().hex
        claimed = self._broker.transitions.claim(Claim("w1", execution, _TYPE, 600_000_000))
        assert isinstance(claimed, Claimed)
        self._claimed.append((claimed.id, execution))

    def _finish(self) -> None:
        task_id, execution = self._claimed.pop()
        outcome, _ = self._broker.transitions.finish(task_id, execution, "{}", Claim("w1", "", _TYPE, 1))
        assert outcome == "completed"

    def prune(self) -> Found:
        """The daemon's own chore until nothing is left: tasks per second, and what its scripts took."""
        self._watch()
        store = _Watched(self._broker.transitions, self._server)
        prune = Prune(cast(Transitions, store), self._redis, self._broker.keys, self._settings)
        before, started = self._broker.tasks.stats(_TENANT).total, time.perf_counter()
        time.sleep(1.1)  # retention is counted in whole seconds
        while left := self._broker.tasks.stats(_TENANT).total:
            prune.tick()
        return {
            "tasks": before - left,
            "seconds": time.perf_counter() - started - 1.1,
            "scripts": len(store.taken_ms),
            "cpu_over": sum(each > _SLOW_MS for each in store.taken_ms),
            "cpu_most_ms": max(store.taken_ms),
            **self.slowest(),
        }

    def _watch(self) -> None:
        self._redis.config_set("slowlog-log-slower-than", _SLOW_MS * 1000)
        self._redis.config_set("slowlog-max-len", 10_000)
        self._redis.slowlog_reset()

    def slowest(self) -> Found:
        """Of all commands since the watch began: how many took too long, by the clock, and the longest, in ms."""
        taken = [entry["duration"] / 1000 for entry in self._redis.slowlog_get(10_000)]
        return {"over": len(taken), "most_ms": max(taken, default=0)}


class _Watched:
    """A store, and what the server's main thread worked for each call of ``prune``: milliseconds of processor time.

    By the clock a script also waits for a processor, on a machine that does something else for a moment.
    """

    def __init__(self, store: Transitions, server: Server) -> None:
        self._store = store
        self._cpu_us = server.cpu_us
        self.taken_ms: list[float] = []

    def prune(self, *args: Any, **options: Any) -> int:
        before = self._cpu_us()
        removed = self._store.prune(*args, **options)
        self.taken_ms.append((self._cpu_us() - before) / 1000)
        return removed

    def prune_flows(self, *args: Any, **options: Any) -> int:
        return self._store.prune_flows(*args, **options)


def report(found: Found) -> str:
    """The table, and a sentence about pruning."""
    small, large = found["sizes"]
    rows = [[name, f"{a:.2f}", f"{b:.2f}", f"{b / a:.2f}"] for name, (a, b) in found["calls"].items()]
    pruning, filling = found["pruning"], found["filling"]
    return "\n".join(
        [
            table(["ms, median", f"{small:,} finished", f"{large:,} finished", "ratio"], rows),
            "",
            f"Pruned {pruning['tasks']:,} tasks by {pruning['scripts']:,} scripts, "
            f"{pruning['tasks'] / pruning['seconds']:,.0f} tasks a second.",
            f"Scripts over {_SLOW_MS} ms of processor time: {pruning['cpu_over']}, the longest "
            f"{pruning['cpu_most_ms']:.1f} ms; by the clock (SLOWLOG): {pruning['over']}, {pruning['most_ms']:.1f} ms.",
            f"While filling, by the clock: {filling['over']}, {filling['most_ms']:.1f} ms.",
        ]
    )
