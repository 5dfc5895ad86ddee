"""What fair shares cost the server: a million tasks of one tenant and of a thousand wait, in turns; and what they gain.

Work is counted in the server's processor time, since each round trip also takes a client's.
"""

import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from broker.broker import Broker
from broker.clock import from_rfc3339
from broker.config import BrokerSettings
from broker.engine.scripts import Script
from broker.engine.transitions import Claim, Claimed
from broker.schema import Schema
from broker.task import NewTask
from broker.task_type import TaskType
from broker.tasks.submission import options
from scripts.bench import tasks
from scripts.bench.environments import ROOT
from scripts.bench.report import table
from scripts.bench.server import Server, fresh

_KIND = tasks.kind("EmbeddingGeneration")
_LEASE_US = 600_000_000
#: Tasks of one call while filling; some calls go together.
_BATCH = 1_000
#: Commands over so many microseconds are noted by the server; none may take longer than the other.
_NOTED_US, _SLOW_MS = 1_000, 5
_SLEEP = 0.02

Found = dict[str, Any]


def nap(_: Any) -> Found:
    time.sleep(_SLEEP)
    return {}


NAP = TaskType("Nap", Schema, "scripts.bench.fair:nap")


def run(rounds: int, tenants: int, each: int, drained: int, flood: int) -> Found:
    """``tenants`` of ``each`` tasks against one with all of them; ``drained`` tasks a round."""
    found: Found = {"sizes": [tenants, each], "wait": _wait_behind(flood)}
    with ExitStack() as stack:
        layouts = {
            "one tenant": [(1, tenants * each)],
            f"{tenants:,} tenants, in blocks": [(tenants, each)],
            f"{tenants:,} tenants, ten by ten": [(tenants, 10)] * (each // 10),
            "one tenant, 100 groups": [(100, tenants * each // 100)],
        }
        sites = {}
        for name, layout in layouts.items():
            sites[name] = Site(stack.enter_context(fresh()), grouped="groups" in name)
            sites[name].fill(layout)
        for _ in range(rounds):
            for site in sites.values():
                site.drain(drained)
        for site in sites.values():
            site.cancel(drained // 10)
        found["sites"] = {name: site.figures() for name, site in sites.items()}
    return found


class Site:
    """A server with tasks that wait, in blocks of (how many tenants or groups, how many tasks of each)."""

    def __init__(self, server: Server, *, grouped: bool) -> None:
        self._server = server
        self._redis = server.redis
        self._broker = Broker.connect(BrokerSettings(redis_url=server.url), tasks.TYPES)
        self._grouped = grouped
        self._drains: list[float] = []
        self._cancel_us = self._bytes = 0.0
        self._submit_many = Script("submit_many")
        self._redis.config_set("slowlog-log-slower-than", _NOTED_US)
        self._redis.config_set("slowlog-max-len", 10_000)

    def fill(self, layout: list[tuple[int, int]]) -> None:
        """By the real script."""
        calls = [
            (number, min(_BATCH, count - first))
            for members, count in layout
            for number in range(members)
            for first in range(0, count, _BATCH)
        ]
        self._submit(calls[:1])
        empty, total = self._server.memory(), sum(count for _, count in calls[1:])
        together = max(1, 5 * _BATCH // max(count for _, count in calls))
        for first in range(1, len(calls), together):
            self._submit(calls[first : first + together])
        self._bytes = (self._server.memory() - empty) / max(1, total)
        self._redis.slowlog_reset()

    def _submit(self, calls: list[tuple[int, int]]) -> None:
        with self._redis.pipeline(transaction=False) as pipeline:
            for number, count in calls:
                group, tenant = (f"user-{number}", "acme") if self._grouped else ("", f"tenant-{number}")
                terms = options(_KIND.type, 0, max_retries=3, timeout=3600, group=group)
                fields = [part for _ in range(count) for part in (str(uuid.uuid4()), _KIND.payload, terms)]
                self._submit_many(pipeline, prefix="rq", tenant=tenant, bounds=0, trace="", fields=fields)
            pipeline.execute()

    def drain(self, count: int) -> None:
        """One worker, an end with the next claim in each round trip."""
        store, claim = self._broker.transitions, self._claim()
        grant = store.claim(claim)
        before = self._server.cpu_us()
        for _ in range(count):
            assert isinstance(grant, Claimed)
            following = self._claim()
            _, grant = store.finish(grant.id, claim.execution, _KIND.result, following)
            claim = following
        self._drains.append((self._server.cpu_us() - before) / count)
        assert isinstance(grant, Claimed)
        store.finish(grant.id, claim.execution, _KIND.result, Claim("w1", "", _KIND.type, 1))

    def _claim(self) -> Claim:
        return Claim("w1", uuid.uuid4().hex, _KIND.type, _LEASE_US)

    def cancel(self, count: int) -> None:
        """From the middle of RQ's list."""
        listed = self._broker.keys.rq_queue(_KIND.type)
        middle = self._redis.llen(listed) // 2
        ids = self._redis.lrange(listed, middle, middle + 3 * count)[::3][:count]
        owners = [self._redis.hget(self._broker.keys.job(each), "tenant") for each in ids]
        before = self._server.cpu_us()
        for task_id, tenant in zip(ids, owners, strict=True):
            self._broker.transitions.cancel(task_id, tenant, force=False)
        self._cancel_us = (self._server.cpu_us() - before) / count

    def figures(self) -> Found:
        noted = [entry["duration"] / 1000 for entry in self._redis.slowlog_get(10_000)]
        return {
            "drain_us": self._drains,
            "cancel_us": self._cancel_us,
            "bytes": self._bytes,
            "longest_ms": max(noted, default=0),
            "over": sum(each > _SLOW_MS for each in noted),
        }


def _wait_behind(flood: int) -> float:
    """Seconds that one tenant's task waits which comes when so many of another have just begun."""
    with fresh() as server, _worker(server):
        broker = Broker.connect(BrokerSettings(redis_url=server.url), {NAP.name: NAP})
        while not broker.workers.list():
            time.sleep(0.05)
        for _ in range(max(1, flood // 1_000)):
            broker.tasks.submit_many("flood", [NewTask(NAP.name, {})] * min(1_000, flood))
        time.sleep(1)
        late = broker.tasks.submit("late", NewTask(NAP.name, {}))[0].id
        while not (task := broker.tasks.get("late", late)).started_at:
            time.sleep(0.01)
        return (from_rfc3339(task.started_at) - from_rfc3339(task.created_at)) / 1e6


@contextmanager
def _worker(server: Server) -> Iterator[None]:
    environ = {**os.environ, "REDIS_URL": server.url, "TASK_TYPES": "scripts.bench.fair:NAP"}
    line = [sys.executable, "-m", "scripts.worker", NAP.name]
    process = subprocess.Popen(line, env=environ, cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def report(found: Found) -> str:
    """The table; ratios are medians over the rounds, each with the first row's of the same round."""
    base = next(iter(found["sites"].values()))["drain_us"]
    rows = []
    for name, site in found["sites"].items():
        ratio = statistics.median(one / its for one, its in zip(base, site["drain_us"], strict=True))
        rows.append(
            [
                name,
                f"{statistics.median(site['drain_us']):.0f}",
                f"{ratio:.2f}",
                f"{site['bytes']:,.0f}",
                f"{site['cancel_us']:,.0f}",
                f"{site['longest_ms']:.1f}",
                str(site["over"]),
            ]
        )
    tenants, each = found["sizes"]
    heads = ["Redis us run", "one / it", "B waiting", "Redis us cancel", "longest ms", f"over {_SLOW_MS} ms"]
    return "\n".join(
        [
            table([f"{tenants * each:,} tasks waiting", *heads], rows),
            "",
            f"One task behind another tenant's flood starts after {found['wait']:.2f} s.",
        ]
    )
