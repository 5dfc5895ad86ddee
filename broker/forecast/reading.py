"""Takes a snapshot of Redis: the one place where the model learns how things stand."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.scripts import Script
from broker.engine.values import moment, number
from broker.forecast.bucket import TOKEN
from broker.forecast.samples import Measured
from broker.forecast.snapshot import Caps, Charge, Due, Line, Lines, Run, Snapshot, TypeState, WorkerGroup
from broker.levels import split_queue

#: Scheduled tasks that are looked at: so many, due within so many seconds.
_DUE, _WITHIN = 300, 3600


class Reading(NamedTuple):
    """A snapshot, and the microsecond of the server's clock at which it was taken."""

    snapshot: Snapshot
    at_us: int


class SnapshotReader:
    """On one Redis client with ``decode_responses=True``; its errors pass through."""

    def __init__(self, redis: "Redis", keys: Keys, types: Sequence[str], *, clock: str = "clock") -> None:
        self._redis = redis
        self._keys = keys
        self._types = types
        self._script = Script("snapshot", clock=clock)

    def read(self, measured: Mapping[str, Measured], arrivals: Mapping[str, Mapping[int, float]]) -> Reading:
        """How things stand now. ``arrivals``: tasks per second that come, by type and level."""
        now, suspended, types, lines, workers, due, weights, tenant_limits = self._script(
            self._redis,
            prefix=self._keys.prefix,
            most_due=_DUE,
            within_us=_WITHIN * 1_000_000,
            names=self._types,
        )
        now_us = int(now)
        waiting, buckets = _waiting(lines)
        groups, running = _workers(workers, now_us)
        exceptions = _pairs(tenant_limits)
        states = {}
        for name, limits, estimates, aside in types:
            state = _type(_pairs(limits), waiting[name], measured[name], arrivals.get(name, {}), now_us)
            of_tenants = _exceptions(exceptions, name, state.caps)
            states[name] = replace(
                state,
                paused=state.paused or bool(suspended),
                exceptions=of_tenants,
                aside=tuple(aside),
                estimates={tenant: float(number(us)) for tenant, us in _pairs(estimates).items()},
                tenant_buckets=_levels(buckets[name], of_tenants, state.caps, now_us),
            )
        coming = tuple(Due(int(us) / 1e6, *where) for us, *where in due)
        of_weight = {tenant: float(weight) for tenant, weight in _pairs(weights).items()}
        return Reading(Snapshot(states, groups, running, coming, of_weight), now_us)


def queues_of(redis: "Redis", keys: Keys, types: Sequence[str]) -> dict[str, list[str]]:
    """The levels of each type that were ever used. ``redis`` answers text; its errors pass through."""
    found: dict[str, list[str]] = {name: [] for name in types}
    for key in sorted(redis.smembers(keys.rq_queues())):
        queue = key.removeprefix(keys.rq_queue(""))
        found.get(queue.partition(":")[0], []).append(queue)
    return found


def _pairs(flat: Sequence[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


#: Level and time of a tenant's bucket, '' where there is none.
_Buckets = dict[str, tuple[str, str]]


def _waiting(rows: Sequence[Any]) -> tuple[dict[str, dict[int, list[Line]]], dict[str, _Buckets]]:
    """By type, the lines of each level, and the buckets of tenants."""
    found: dict[str, dict[int, list[Line]]] = defaultdict(dict)
    buckets: dict[str, _Buckets] = defaultdict(dict)
    for queue, tenant, group, waiting, tag, group_tag, turn, group_turn, level_now, ts in rows:
        name, level = split_queue(queue)
        turns = _tag(turn), _tag(group_turn)
        line = Line(waiting, tenant, group, _tag(tag), float(group_tag or 0), group_tag != "", *turns)
        found[name].setdefault(level, []).append(line)
        buckets[name][tenant] = level_now, ts
    return found, buckets


def _tag(text: str) -> float | None:
    return float(text) if text != "" else None


def _exceptions(rows: Mapping[str, str], name: str, usual: Caps) -> dict[str, Caps]:
    """Caps of tenants that have their own of the type; a row as set_tenant.lua keeps it."""
    found = {}
    for key, row in rows.items():
        tenant, _, of_type = key.partition(" ")
        if of_type == name and row.count("/") == 2:
            rate, burst, concurrency = row.split("/")
            found[tenant] = replace(
                usual,
                tenant_rate=_own(rate, usual.tenant_rate),
                tenant_burst=_own(burst, usual.tenant_burst) or 1,
                tenant_concurrency=_own(concurrency, usual.tenant_concurrency),
            )
    return found


def _own(word: str, usual: int | None) -> int | None:
    return None if word == "none" else number(word) or usual


def _levels(buckets: _Buckets, exceptions: Mapping[str, Caps], usual: Caps, now_us: int) -> dict[str, int]:
    """Nano-tokens of tenants whose bucket is not full."""
    found = {}
    for tenant, (level, ts) in buckets.items():
        caps = exceptions.get(tenant, usual)
        if level and caps.tenant_rate:
            elapsed = max(0, now_us - number(ts, now_us))
            found[tenant] = min(caps.tenant_burst * TOKEN, number(level) + elapsed * caps.tenant_rate)
    return found


def _some(limits: Mapping[str, str], name: str) -> int | None:
    return number(limits.get(name)) or None


def _type(
    limits: Mapping[str, str],
    waiting: Mapping[int, Sequence[Line]],
    measured: Measured,
    arrivals: Mapping[int, float],
    now_us: int,
) -> TypeState:
    rate, burst = _some(limits, "rate"), number(limits.get("burst"), 1)
    elapsed = max(0, now_us - number(limits.get("ts"), now_us))
    return TypeState(
        durations=measured.durations,
        levels={level: Lines(lines) for level, lines in waiting.items()},
        rate=rate,
        burst=burst,
        bucket=min(burst * TOKEN, number(limits.get("level")) + elapsed * (rate or 0)),
        concurrency=_some(limits, "concurrency"),
        caps=Caps(
            tenant_concurrency=_some(limits, "tenant_concurrency"),
            group_concurrency=_some(limits, "group_concurrency"),
            tenant_rate=_some(limits, "tenant_rate"),
            tenant_burst=_some(limits, "tenant_burst") or 1,
        ),
        grouped=limits.get("grouped") == "1",
        # What is not declared starts as little as what is paused.
        paused=limits.get("paused") == "1" or "declared" not in limits,
        served=(now_us - number(limits.get("served"))) / 1e6,
        tenant_durations=measured.of_tenants,
        arrivals=arrivals,
        per_media_second=measured.per_media_second,
        per_byte=measured.per_byte,
    )


def _workers(rows: Sequence[Any], now_us: int) -> tuple[tuple[WorkerGroup, ...], tuple[Run, ...]]:
    """Worker processes by what they listen to, and what they run."""
    slots = Counter(queues for _, queues, _, draining in rows if not draining)
    index = {queues: number for number, queues in enumerate(sorted(slots))}
    groups = tuple(WorkerGroup(frozenset(queues.split(",")), slots[queues]) for queues in index)
    runs = [(None if draining else index[queues], run) for _, queues, run, draining in rows if run]
    return groups, tuple(_run(workers, run, now_us) for workers, run in runs)


def _run(workers: int | None, row: Sequence[Any], now_us: int) -> Run:
    name, level, tenant, group, started_at, progress, charged = row
    age = max(0, now_us - (moment(started_at) or now_us)) / 1e6
    return Run(name, age, workers, tenant, group, level, _progress(progress), _charge(charged))


def _charge(text: str) -> Charge | None:
    """As SHARE.charge of include/shares.lua keeps it: '<us>', '<us> t' for the tenant alone, '<us> g' for the group."""
    us, _, to = text.partition(" ")
    return Charge(float(number(us)), tenant=to != "g", group=to != "t") if us else None


def _progress(text: str) -> float | None:
    """0..1, of what ``renew`` stores."""
    try:
        return min(1.0, max(0.0, float(json.loads(text)["percent"]) / 100)) if text else None
    except (ValueError, KeyError, TypeError):
        return None
