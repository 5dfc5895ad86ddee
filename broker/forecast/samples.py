"""How long runs have taken: the newest ended ones in RQ's registries, since transitions count nothing of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.values import moment, number
from broker.forecast.durations import Durations
from broker.forecast.snapshot import Media
from broker.media.mentions import mentions
from broker.task_type import TaskTypes

#: Runs of a level that are looked at.
_NEWEST = 200
#: Runs of one tenant from which its own durations are taken, and runs with the length of a recording known.
_OWN, _KNOWN = 20, 5
_FIELDS = ("tenant", "started_at", "ended_at", "payload", "lease", "batch")


class Measured(NamedTuple):
    """What is known of a type."""

    durations: Durations
    of_tenants: Mapping[str, Durations]
    #: Seconds of a run per second of the recording, and per byte of the file, where that says more than the seconds
    #: alone. How long a recording lasts is known once it was transcoded, its size from the beginning.
    per_media_second: Durations | None = None
    per_byte: Durations | None = None


class _Ended(NamedTuple):
    tenant: str
    seconds: float
    payload: dict[str, Any]


def measure(redis: "Redis", keys: Keys, types: TaskTypes, queues: Mapping[str, Sequence[str]]) -> dict[str, Measured]:
    """Of each type, whose queues are given; four round trips. ``redis`` answers text; its errors pass through."""
    ended = _ended(redis, keys, queues)
    files = iter(_media(redis, keys, [each for runs in ended.values() for each in runs]))
    of_runs = {name: [(each, next(files)) for each in runs] for name, runs in ended.items()}
    return {name: _measured(of_runs.get(name, []), each.typical_seconds) for name, each in types.items()}


def _measured(runs: "list[tuple[_Ended, Media]]", typical: float) -> Measured:
    if not runs:
        return Measured(Durations.declared(typical), {}, None, None)
    durations = Durations.of(each.seconds for each, _ in runs)
    return Measured(
        durations,
        _of_tenants([each for each, _ in runs]),
        _ratios(durations, [each.seconds / media.seconds for each, media in runs if media.seconds]),
        _ratios(durations, [each.seconds / media.bytes for each, media in runs if media.bytes]),
    )


def _ratios(durations: Durations, known: Sequence[float]) -> Durations | None:
    ratios = Durations.of(known) if len(known) >= _KNOWN else None
    return ratios if ratios and _spread(ratios) < _spread(durations) else None


def _spread(of: Durations) -> float:
    """Relative to the mean."""
    return of.variance / of.mean**2


def _ended(redis: "Redis", keys: Keys, queues: Mapping[str, Sequence[str]]) -> dict[str, list[_Ended]]:
    names = [(name, queue) for name, each in queues.items() for queue in each]
    with redis.pipeline(transaction=False) as reads:
        for _, queue in names:
            reads.zrevrange(keys.registry("finished", queue), 0, _NEWEST - 1)
        ids = reads.execute()
    wanted = [(name, task_id) for (name, _), each in zip(names, ids, strict=True) for task_id in each]
    with redis.pipeline(transaction=False) as reads:
        for _, task_id in wanted:
            reads.hmget(keys.job(task_id), _FIELDS)
        rows = reads.execute(raise_on_error=False)  # what a foreign hand has spoilt is no run
    found: dict[str, list[_Ended]] = {}
    for (name, _), row in zip(wanted, rows, strict=True):
        if isinstance(row, list) and (run := _run(*row)):
            found.setdefault(name, []).append(run)
    return found


def _run(
    tenant: str | None,
    started: str | None,
    ended: str | None,
    payload: str | None,
    lease: str | None,
    batch: str | None,
) -> _Ended | None:
    since, until = moment(started), moment(ended)
    if tenant is None or since is None or until is None:
        return None
    try:
        read = json.loads(payload or "{}")
    except ValueError:
        read = {}
    seconds = (until - since) / 1e6 / _together(lease or "", batch or "")
    return _Ended(tenant, max(1e-6, seconds), read if isinstance(read, dict) else {})


def _together(lease: str, batch: str) -> int:
    """How many tasks the run was worked on with, itself included; ``batch`` as claim_more.lua writes it."""
    size, _, execution = batch.partition(" ")
    return number(size, 1) if execution and lease.partition(" ")[0].partition("+")[0] == execution else 1


def _of_tenants(runs: Sequence[_Ended]) -> dict[str, Durations]:
    seconds: dict[str, list[float]] = {}
    for each in runs:
        seconds.setdefault(each.tenant, []).append(each.seconds)
    if len(seconds) == 1:
        return {}
    return {tenant: Durations.of(each) for tenant, each in seconds.items() if len(each) >= _OWN}


def media_of(redis: "Redis", keys: Keys, tenant: str, payload: Mapping[str, Any]) -> Media:
    """What is known of the file that a task is about."""
    return _media(redis, keys, [_Ended(tenant, 0.0, dict(payload))])[0]


def _media(redis: "Redis", keys: Keys, runs: Sequence[_Ended]) -> list[Media]:
    """Of the one file that each run's payload names."""
    named = mentions(redis, keys, [(each.tenant, each.payload) for each in runs])
    with redis.pipeline(transaction=False) as reads:
        for each in named:
            reads.hmget(keys.media(each[0].id if len(each) == 1 else ""), ("info:duration_seconds", "size"))
        found: list[Any] = reads.execute(raise_on_error=False)
    return [Media(*map(_positive, row)) if isinstance(row, list) else Media() for row in found]


def _positive(value: Any) -> float | None:
    try:
        return float(value) if value and float(value) > 0 else None
    except (TypeError, ValueError):
        return None
