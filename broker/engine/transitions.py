"""Every change of a task's state: one method per script, with the same name.

Only the audit and the doctor change one besides, by scripts that follow what a foreign hand has done.
"""

import json
from collections.abc import Sequence
from copy import copy
from typing import Any, NamedTuple, TypeAlias

from redis import Redis

from broker.engine.keys import Keys
from broker.engine.script_connection import ScriptConnection
from broker.engine.script_connection_pool import ScriptConnectionPool
from broker.engine.scripts import Script
from broker.rq_records import traceback_text

_NAMES = (
    *("submit", "submit_many", "claim", "finish", "fail", "postpone", "renew", "release", "cancel", "retry"),
    *("promote", "reap", "prune", "declare", "configure", "remember", "register_worker", "unregister_worker", "listen"),
)

#: Over what transitions may be called.
Client: TypeAlias = "Redis | ScriptConnection | ScriptConnectionPool"


class Claimed(NamedTuple):
    """A task leased to a worker: what its child needs to run it."""

    id: str
    queue: str
    tenant: str
    payload: str
    runs: int
    timeout: int
    retry_count: int
    memo: str
    #: Microseconds until its token is due: the run begins then, not before.
    ahead_us: int = 0


class Wait(NamedTuple):
    """Nothing may start now: sleep until woken, but no longer than ``us`` microseconds unless that is -1.

    -2: a type that has work is not declared (any more); declare your types and ask again.
    """

    us: int


#: ``Wait.us`` of a worker that should declare its types.
UNDECLARED = -2


class Lost(NamedTuple):
    """A task whose lease ran out, and what became of it: 'pending' again, or 'failed' as poison."""

    id: str
    type: str
    tenant: str
    worker: str
    runs: str
    outcome: str


class Due(NamedTuple):
    """A scheduled task that waits in its queue from now on."""

    id: str
    type: str
    tenant: str


class Claim(NamedTuple):
    """Who asks for work: a worker, the execution it names its next run, and the types it listens to (``A,B,C``)."""

    worker: str
    execution: str
    group: str
    lease_us: int


class Transitions:
    """The transitions, on one Redis client with ``decode_responses=True``.

    All methods are idempotent under repetition with the same arguments, so a caller whose reply was lost may simply
    call again. Redis errors (``redis.RedisError``) pass through.
    """

    def __init__(self, redis: Client, keys: Keys, *, clock: str = "clock") -> None:
        self.redis = redis
        self.keys = keys
        self._scripts = {name: Script(name, clock=clock) for name in _NAMES}

    def on(self, redis: Client) -> "Transitions":
        """The same transitions over another client."""
        other = copy(self)
        other.redis = redis
        return other

    def _run(self, name: str, **values: Any) -> Any:
        return self._scripts[name](self.redis, prefix=self.keys.prefix, **values)

    def submit(
        self, task_id: str, tenant: str, payload: str | bytes, options: str, max_pending: int, media: Sequence[str] = ()
    ) -> Any:
        """The microsecond of creation; [0, id that was there]; [-1, number waiting, type] when it was refused.

        ``payload`` is JSON; ``options`` and ``media`` as in submit.lua.
        """
        # In the order of its header; what is called most, as `finish` is too, does without names.
        arguments = self.keys.prefix, task_id, tenant, payload, options, max_pending, *media
        return self._scripts["submit"].run(self.redis, arguments)

    def submit_many(self, tenant: str, fields: Sequence[str | bytes], max_pending: int) -> list[Any]:
        """Accepts all or none; ``fields`` of the tasks one after the other, and the reply, as in submit_many.lua."""
        return list(self._run("submit_many", tenant=tenant, max_pending=max_pending, fields=fields))

    def claim(self, claim: Claim) -> Claimed | Wait:
        """The next startable task, leased; or how long there is none."""
        return _grant(
            self._run(
                "claim",
                worker=claim.worker,
                execution=claim.execution,
                lease_us=claim.lease_us,
                group=claim.group,
            )
        )

    def finish(
        self,
        task_id: str,
        execution: str,
        result: str | bytes,
        then: Claim,
        media_id: str = "",
        info: tuple[str, ...] = (),
    ) -> tuple[str, Claimed | Wait]:
        """Ends a run well: ('completed' or 'stale', what to do next). ``then.execution`` '' claims nothing."""
        then_claim = then.worker, then.execution, then.lease_us, then.group
        arguments = self.keys.prefix, task_id, execution, result, *then_claim, media_id, *info
        outcome, grant = self._scripts["finish"].run(self.redis, arguments)
        return outcome, _grant(grant)

    def fail(
        self, task_id: str, execution: str, message: str, traceback: str, delay_us: int | None, then: Claim
    ) -> tuple[str, Claimed | Wait]:
        """Ends a run badly: ('scheduled', 'failed' or 'stale', what to do next). ``delay_us`` None forbids a retry."""
        return self._end_run(
            "fail",
            then,
            id=task_id,
            execution=execution,
            message=message,
            traceback=traceback_text(traceback),
            retryable=int(delay_us is not None),
            delay_us=delay_us or 0,
        )

    def postpone(self, task_id: str, execution: str, delay_us: int, then: Claim) -> tuple[str, Claimed | Wait]:
        """Ends a run until a time, as if it had not been: ('scheduled' or 'stale', what to do next)."""
        return self._end_run(
            "postpone",
            then,
            id=task_id,
            execution=execution,
            delay_us=delay_us,
        )

    def _end_run(self, name: str, then: Claim, **values: Any) -> tuple[str, Claimed | Wait]:
        """Runs a script that ends a run and makes the worker's next claim: (outcome, what to do next)."""
        outcome, grant = self._run(
            name,
            worker=then.worker,
            next_execution=then.execution,
            lease_us=then.lease_us,
            group=then.group,
            **values,
        )
        return outcome, _grant(grant)

    def release(
        self, worker: str, execution: str, *, crashed: bool, max_crashes: int, message: str = ""
    ) -> tuple[str, str]:
        """Gives a run up without an outcome: ('pending', 'failed' as poison, or 'stale' without one; its task)."""
        outcome, task_id = self._run(
            "release",
            worker=worker,
            execution=execution,
            crashed=int(crashed),
            max_crashes=max_crashes,
            message=message,
        )
        return outcome, task_id

    def renew(self, runs: list[tuple[str, str, str, str]], *, lease_us: int, worker_ttl: int) -> list[str]:
        """Heartbeat of runs ``(worker, task id, execution, progress JSON or '')``; returns executions that are over."""
        flat = [part for run in runs for part in run]
        return list(self._run("renew", runs=flat, lease_us=lease_us, worker_ttl=worker_ttl))

    def cancel(self, task_id: str, tenant: str, *, force: bool) -> str:
        """The status it found, 'missing' for none; pending, scheduled and (forced) processing are cancelled now."""
        return str(self._run("cancel", id=task_id, tenant=tenant, force=int(force)))

    def retry(self, task_id: str, tenant: str, *, force: bool, request: str) -> tuple[bool, str, int, int]:
        """(scheduled by this ``request``, status found or 'missing', retry_count, max_retries)."""
        scheduled, *found = self._run("retry", id=task_id, tenant=tenant, force=int(force), request=request)
        return bool(scheduled), *found

    def promote(self, limit: int = 100) -> tuple[list[Due], int]:
        """(tasks moved into their queues, microseconds until the next is due or -1)."""
        moved, wait = self._run("promote", limit=limit)
        return [Due(*row) for row in zip(*[iter(moved)] * 3, strict=True)], int(wait)

    def reap(self, *, lease_us: int, gap_us: int, max_crashes: int, limit: int = 100) -> tuple[list[Lost], list[str]]:
        """(tasks whose lease ran out, those whose lease was extended because nobody had reaped for a while)."""
        lost, extended = self._run("reap", lease_us=lease_us, gap_us=gap_us, limit=limit, max_crashes=max_crashes)
        rows = zip(*[iter(lost)] * 6, strict=True)
        return [Lost._make(row) for row in rows], extended

    def prune(self, queue: str, status: str, *, retention_us: int, limit: int = 100) -> int:
        """Removes ended tasks that are older than the retention; returns how many."""
        return int(self._run("prune", queue=queue, status=status, retention_us=retention_us, limit=limit))

    def declare(self, types: str) -> bool:
        """Makes task types known with their queues' defaults, as ``limits.declarations`` tells them; True when a
        declaration took effect.
        """
        return bool(self._run("declare", types=types))

    def configure(
        self, type_name: str, *, rate: str, burst: str, concurrency: str, paused: str, tenant: str = ""
    ) -> bool:
        """Changes limits for all workers at once; False when the type is not declared. ``tenant`` is told about it."""
        return bool(
            self._run(
                "configure",
                type_name=type_name,
                rate=rate,
                burst=burst,
                concurrency=concurrency,
                paused=paused,
                tenant=tenant,
            )
        )

    def remember(self, task_id: str, execution: str, memo: dict[str, Any]) -> bool:
        """Keeps a handler's notes; False when the run is over."""
        return bool(self._run("remember", id=task_id, execution=execution, memo=json.dumps(memo)))

    def register_worker(self, worker: str, *, ttl: int, queues: str, fields: dict[str, Any], types: str = "") -> bool:
        """Writes a worker's record and declares its ``types``; True when it was not known."""
        flat = [part for pair in fields.items() for part in pair]
        return bool(self._run("register_worker", worker=worker, ttl=ttl, queues=queues, types=types, fields=flat))

    def unregister_worker(self, worker: str, group: str) -> None:
        """Removes a worker's record."""
        self._run("unregister_worker", worker=worker, group=group)

    def listen(self, tenant: str, *, keep_us: int) -> tuple[str, str]:
        """Has a tenant's events recorded for so long; the ids of the last and of the first entry kept."""
        last, first = self._run("listen", tenant=tenant, keep_us=keep_us)
        return last, first


def _grant(reply: list[Any]) -> Claimed | Wait:
    if reply[0] == 1:
        return Claimed(*reply[1:])
    return Wait(int(reply[1]))
